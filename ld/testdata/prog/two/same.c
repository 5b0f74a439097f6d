static int cnt = 2;
__attribute__((noinline)) static int bump(int x) { return cnt += x; }
__attribute__((noinline)) int two_count(int x) { return bump(x) * 2; }
