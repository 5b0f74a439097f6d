__thread int other_tls = 9;
int hidden_var __attribute__((visibility("hidden"))) = 4;
__attribute__((visibility("hidden"), noinline)) int hidden_global(int x) { return x + hidden_var; }
