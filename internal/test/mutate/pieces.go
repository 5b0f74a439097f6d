package mutate

// piece is code that can be added to a program: variables and a function of file scope, and the statement that uses them. In it $f is
// the function, $v a variable, $s an accumulator, $g something to read, $c a constant, $d a small one. $w is a word.
type piece struct {
	globals   []string // declaration = value
	function  string
	statement string
	near      bool // function and statement stand in one unit
}

var words = []string{"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"}

var pieces = []piece{
	{statement: `
$s ^= $c;
`},
	{statement: `
$s += (uint32_t)$g;
`},
	{statement: `
printf("$w %u\n", (uint32_t)$g ^ $s);
`},
	{statement: `
puts("$w");
`},
	{statement: `
{
    static uint32_t $v = $c;
    $v += $d;
    $s ^= $v;
}
`},
	{statement: `
{
    static uint32_t $v[$d];
    $v[$s % (sizeof $v / sizeof *$v)]++;
    $s += $v[0] * 3U + $v[1];
}
`},
	{globals: []string{"uint32_t $v = $c"}, statement: `
$v++;
$s ^= $v;
`},
	{globals: []string{"uint64_t $v"}, statement: `
$v += $s;
$s ^= (uint32_t)$v;
`},
	{globals: []string{"uint16_t $v[$d] = {1, 2}"}, statement: `
$v[$s % 2U] += $d;
$s ^= $v[1];
`},
	{globals: []string{"const uint32_t $v[4] = {$c, $c, $c, $c}"}, statement: `
$s += $v[$s % 4U];
`},
	{globals: []string{`const char *const $v[] = {"$w", "$w of $w", "$w"}`}, statement: `
$s += (uint32_t)strlen($v[$s % 3U]);
puts($v[$s % 3U]);
`},
	{function: `
uint32_t $f(uint32_t x)
{
    return (x * $c) ^ ($s + $c);
}
`, statement: `
$s ^= $f($s);
`},
	{function: `
uint32_t $f(uint32_t x)
{
    uint32_t r = $c;
    switch (x % 11U)
    {
    case 0:
        r += $c;
        break;
    case 1:
        r ^= $s;
        break;
    case 2:
        r *= $c;
    case 3:
        r -= $c;
        break;
    case 5:
        $s++;
        break;
    case 6:
        r = (r >> 3) ^ x;
        break;
    case 7:
        puts("$w");
        break;
    default:
        r = ~x;
    }
    return r;
}
`, statement: `
$s += $f($d) + $f($s + $d);
`},
	{function: `
uint32_t $f(uint32_t x)
{
    switch (x & 7)
    {
    case 0: return $c;
    case 1: return $c;
    case 2: return $c;
    case 3: return $c;
    case 4: return $c;
    case 5: return $c;
    }
    return $d;
}
`, statement: `
$s ^= $f($s) + $f($d);
`},
	{function: `
const char *$f(uint32_t x)
{
    switch (x % 5U)
    {
    case 0: return "$w";
    case 1: return "$w";
    case 2: return "$w and $w";
    case 3: return "$w";
    }
    return "$w";
}
`, statement: `
printf("%s %s\n", $f($s), $f($d));
`},
	{function: `
uint32_t $f(uint32_t n)
{
    static uint32_t calls = $d;
    uint32_t sum = 0U;
    calls += n;
    for (uint32_t i = 0; i < n % 16U; i++)
    {
        if ((sum > $c))
            sum ^= i;
        sum += (i * calls);
    }
    return sum;
}
`, statement: `
$s += $f($d) ^ $f($s);
`},
	{function: `
double $f(double x)
{
    double half = x * 0.5;
    if ((half > 1000.25))
        return half - 12.5;
    return half + (double)$d;
}
`, statement: `
printf("$w %.3f\n", $f((double)($s % 4096U)));
`},
	{function: `
float $f(float x, float y)
{
    return (x < y) ? x * 1.5f : -y + 2.25f;
}
`, statement: `
$s ^= (uint32_t)(int32_t)$f((float)($s % 100U), $d.0f);
`},
	{function: `
uint32_t $f(uint32_t n, ...)
{
    va_list list;
    uint32_t sum = n;
    va_start(list, n);
    for (uint32_t i = 0; i < n; i++)
        sum = (sum * 31U) ^ va_arg(list, uint32_t);
    va_end(list);
    return sum;
}
`, statement: `
$s += $f(3U, $c, $s, $c);
`},
	{function: `
uint32_t $f(uint32_t n)
{
    return (n < 2U) ? n + $d : $f(n - 1U) * 3U + $f(n - 2U);
}
`, statement: `
$s ^= $f($d);
`},
	{function: `
int $f(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}
`, statement: `
{
    uint32_t list[5] = {$c, $s, $c, $c, $d};
    qsort(list, 5, sizeof *list, $f);
    $s += list[1] ^ list[3];
}
`},
	{function: `
void $f(void)
{
    printf("$w at the end, %u\n", $s);
}
`, statement: `
{
    static int registered;
    if (!registered++)
        atexit($f);
}
`},
	{function: `
void $f(int signal)
{
    $s += (uint32_t)signal * $c;
}
`, statement: `
signal(SIGUSR1, $f);
raise(SIGUSR1);
`},
	{function: `
uint32_t $f(uint32_t x)
{
    jmp_buf back;
    volatile uint32_t tries = 0U;
    if (setjmp(back) < $d)
    {
        tries += x;
        longjmp(back, (int)(tries % 9U) + $d);
    }
    return tries;
}
`, statement: `
$s ^= $f($s);
`},
	{function: `
uint32_t $f(uint32_t x)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%u $w %x", x, $c);
    for (int i = 0; i < n; i++)
        x = (x * 33U) + (uint32_t)toupper(text[i]);
    return x;
}
`, statement: `
$s ^= $f($s);
`},
	{function: `
uint32_t $f(uint32_t n)
{
    uint32_t list[n % 7U + 1U];
    memset(list, 0, sizeof list);
    list[n % (sizeof list / sizeof *list)] = $c;
    return list[0] + (uint32_t)sizeof list;
}
`, statement: `
$s += $f($s);
`},
	{function: `
uint32_t $f(uint32_t x)
{
    static const void *const to[] = {&&one, &&two, &&three};
    goto *to[x % 3U];
one:
    x += $c;
two:
    x ^= $c;
three:
    return x;
}
`, statement: `
$s = $f($s);
`},
	{globals: []string{"__thread uint32_t $v = $c"}, statement: `
$v += $d;
$s ^= $v;
`},
	{globals: []string{"uint32_t *$v = &$s"}, statement: `
*$v += $c;
`},
	{function: `
uint32_t $f(uint32_t x)
{
    struct pair { uint8_t low : 3, high : 5; uint64_t more; } p = {x & 7U, x >> 27, $c};
    p.low++;
    p.more *= p.high;
    return p.low + (uint32_t)p.more;
}
`, statement: `
$s += $f($s);
`},
	{function: `
uint32_t $f(uint32_t x)
{
    if (__builtin_expect(x == $c, 0))
    {
        fprintf(stderr, "$w %s\n", __func__);
        abort();
    }
    return x + $d;
}
`, statement: `
$s ^= $f($s);
`},
	{function: `
void $f(uint32_t *where, uint32_t n)
{
    while (n-- > 0U)
        *where = (*where << 5) ^ (*where >> 27) ^ $c;
}
`, statement: `
$f(&$s, $d);
`},
	{function: `
__attribute__((constructor)) void $f(void)
{
    $s += $c;
}
`, statement: `
$s ^= $d;
`},
	{function: `
uint32_t $f(uint32_t x)
{
    static uint32_t (*next)(uint32_t);
    if (next)
        return x ^ $d;
    next = $f;
    return next(x) + $c;
}
`, statement: `
$s += $f($s);
`},
	{globals: []string{"uint32_t (*$v)(uint32_t)"}, function: `
uint32_t $f(uint32_t x)
{
    return (x + $c) * $d;
}
`, statement: `
if (!$v)
    $v = $f;
$s ^= $v($s);
`},
	{function: `
uint32_t $f(uint32_t x)
{
    uint64_t wide = ((uint64_t)x * $c) + $g;
    __int128 wider = (__int128)wide * $d;
    return (uint32_t)(wider / 3 % 0xFFFFFFFBU);
}
`, statement: `
$s += $f($s);
`},
	{statement: `
{
    char *copy = strdup("$w");
    copy[$s % 3U] = (char)toupper(copy[$s % 3U]);
    puts(copy);
    free(copy);
}
`},
	{function: `
const char *$f(uint32_t x)
{
    return (x > $c) ? "$w" : "$w";
}
`, statement: `
{
    static const char *last;
    const char *now = $f($s);
    $s += (now == last) ? $d : 0U;
    $s ^= (now == $f($s)) ? $d : 0U;
    last = now;
}
`, near: true},
	{globals: []string{"uint32_t (*const $v[])(uint32_t) = {$f, $f}"}, function: `
uint32_t $f(uint32_t x)
{
    return (x == $c) ? x : x + $c;
}
`, statement: `
$s ^= $v[$s % 2U]($s) + (($v[0] == $f) ? $d : 0U);
`, near: true},
	{function: `
__attribute__((weak)) uint32_t $f(uint32_t x)
{
    return x ^ $c;
}
`, statement: `
$s += $f($s);
`},
	{function: `
void *$f(void *argument)
{
    static __thread uint32_t own = $d;
    own += (uint32_t)(uintptr_t)argument;
    return (void *)(uintptr_t)(own * $c);
}
`, statement: `
{
    pthread_t thread;
    void *result;
    if (pthread_create(&thread, NULL, $f, (void *)(uintptr_t)$d) == 0 && pthread_join(thread, &result) == 0)
        $s ^= (uint32_t)(uintptr_t)result;
}
`},
	{function: `
div_t $f(uint32_t x, ldiv_t by)
{
    return div((int)(x % 1000U) + $d, (int)(by.rem % 9) + $d);
}
`, statement: `
{
    div_t got = $f($s, ldiv((long)$s, $d));
    $s += (uint32_t)(got.quot * 31 + got.rem);
}
`},
	{function: `
uint32_t $f(uint32_t x)
{
    long double wide = (long double)(x % 1000U) / 3.0L;
    _Complex double turn = (double)(x % 7U) + 2.0i;
    turn *= turn;
    return (uint32_t)wide + (uint32_t)(int32_t)__real__ turn;
}
`, statement: `
$s ^= $f($s);
`},
	{globals: []string{"_Atomic uint32_t $v = $d"}, statement: `
$v += $d;
$s ^= $v;
`},
	{function: `
uint32_t $f(uint32_t x)
{
    volatile char room[6000];
    memset((char *)room, (int)(x & 0x7FU), sizeof room);
    room[x % sizeof room] = $d;
    return (uint32_t)room[(x + 1U) % sizeof room] * $c;
}
`, statement: `
$s += $f($s);
`},
	{function: `
uint32_t $f(uint32_t x)
{
    uint32_t list[24];
    uint32_t sum = $c;
    for (uint32_t i = 0; i < 24; i++)
        list[i] = (x ^ (i * $c));
    for (uint32_t i = 0; i < 24; i++)
        sum += (list[i] >> (i % 8U));
    return sum;
}
`, statement: `
$s ^= $f($s);
`},
	{function: `
uint32_t $f(uint32_t x)
{
    uint32_t y = x;
    __asm__ ("addl %1, %0" : "+r" (y) : "i" ($d) : "cc");
    return y;
}
`, statement: `
$s += $f($s);
`},
	{statement: `
$s ^= (uint32_t)strtoul("$c", NULL, 0) + (uint32_t)abs(-$d);
`},
}
