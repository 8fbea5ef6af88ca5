/* base/notify.h: tells the service manager how far the service is, if one wants to know (the
 * datagrams of sd_notify(3) to $NOTIFY_SOCKET). [any thread] */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

/* state: "READY=1", "STOPPING=1" ... Nobody to tell it to is no error. */
void notify_state(const char *state);
/* RELOADING=1 with the time that must come with it; READY=1 ends it. */
void notify_reloading(void);

#endif
