// A library, but no plugin.
extern int not_a_plugin(void);
int not_a_plugin(void) {
    return 1;
}
