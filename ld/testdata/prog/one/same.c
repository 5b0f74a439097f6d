static int cnt = 1;
__attribute__((noinline)) static int bump(int x) { return cnt += x; }
__attribute__((noinline)) int one_count(int x) { return bump(x) + 1; }
