/* Tells systemd (sd_notify(3)) about readiness, status and stopping, when it asks by NOTIFY_SOCKET.
 * No library: it is one datagram. */
#ifndef JOBHOST_SUPERVISOR_SD_NOTIFY_H
#define JOBHOST_SUPERVISOR_SD_NOTIFY_H

/* `state` is lines such as "READY=1\nSTATUS=serving". `socket` is the value of NOTIFY_SOCKET; NULL
 * or "" does nothing. Failures are ignored, as nobody could act on them. */
void sd_notify_send(const char *socket, const char *state);

/* A reload begins; READY=1 says that it is over. With the time that Type=notify-reload asks for (systemd 253), and earlier
 * ones do not look at. */
void sd_notify_reloading(const char *socket);

#endif
