/* Room for the write-ahead log before it is needed. A commit that lengthens the log makes the file
 * system write its own journal as well; one that overwrites existing bytes does not, and syncs in
 * about half the time. So the log starts out with WAL_ROOM bytes of zeros, which SQLite takes for
 * an empty log (no frame's salt or checksum fits), and every later round of it overwrites. */
#ifndef JOBHOST_STORE_SQLITE_WAL_ROOM_H
#define JOBHOST_STORE_SQLITE_WAL_ROOM_H

enum { WAL_ROOM = 16 << 20 };

/* For a database that nobody has open; the host lock is held. Fills "<path>-wal" up with zeros.
 * Failing is no harm: what was filled is given back, and the log grows as it goes. Never shortens and never overwrites what is
 * there. */
void wal_room_make(const char *path);

#endif
