/* Shared by the parser's two files. */
#ifndef JOBHOST_NET_MULTIPART_PRIVATE_H
#define JOBHOST_NET_MULTIPART_PRIVATE_H

#include "net/multipart.h"

/* Takes the complete header in p->line. */
enum multipart_error multipart_head_take(struct multipart *p);
/* What only all headers of a part can tell. */
enum multipart_error multipart_head_check(const struct multipart *p);

#endif
