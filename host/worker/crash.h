/* Last words of a crashing process: in the signal handler, on a stack of its own, the finished
 * records of the thread's packet are sent, then CRASH with the job of this thread; then the signal
 * takes its usual course. Sanitizer builds leave these signals to the sanitizer. */
#ifndef JOBHOST_WORKER_CRASH_H
#define JOBHOST_WORKER_CRASH_H

struct call;

/* For the whole process. `sock` is where CRASH goes. */
void crash_install(int sock);

/* For the calling thread: its alternate stack, and whose job it runs. */
void crash_watch_thread(struct call *call);
void crash_unwatch_thread(void);

#endif
