/* The manual page jobhost(1), from the tables of cli.h. */
#ifndef JOBHOST_CLI_MAN_H
#define JOBHOST_CLI_MAN_H

#include <stdio.h>

void man_page(FILE *out);

#endif
