package main

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// hostile makes itself hard to look at in the way that its first argument says, and then answers lines.
const hostile = `
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
enum { PAGE = 4096, MANY = 30000 };
__attribute__((noinline, aligned(PAGE))) int value(int x) { return x * 3 + 1; }

/* the page with value(), which nobody ever gives who reads it */
__attribute__((aligned(PAGE)))
static int held(void)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC), fd = device < 0 ? syscall(SYS_userfaultfd, O_CLOEXEC) : ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC);

	range.range.len = PAGE;
	range.range.start = (uintptr_t)mmap(value, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	return fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range);
}

static int many(void)
{
	int fd = open("/proc/self/exe", O_RDONLY);

	for (int i = 0; i < MANY; i++)
		if (mmap(0, PAGE, i % 2 ? PROT_READ : PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED)
			return 1;
	return 0;
}

static int writable(const void *at, long n)
{
	uintptr_t from = (uintptr_t)at & -PAGE;

	return mprotect((void *)from, (uintptr_t)at + n - from, PROT_READ | PROT_WRITE | PROT_EXEC);
}

/* the mapped ELF header, and program headers, say what nobody can believe */
static int header(void)
{
	ElfW(Phdr) *table = (void *)getauxval(AT_PHDR);
	ElfW(Ehdr) *head = (void *)((uintptr_t)table & -PAGE);

	if (writable(head, PAGE))
		return 1;
	head->e_phnum = 0xfffe;
	head->e_shnum = 0xfffe;
	head->e_phoff = head->e_shoff = -1;
	for (int i = 0; i < (int)getauxval(AT_PHNUM); i++)
		table[i].p_filesz = table[i].p_memsz = -1;
	return 0;
}

static int object(struct dl_phdr_info *info, size_t size, void *unused)
{
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME && !*info->dlpi_name) {
			int32_t *words = (void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
			if (writable(words, info->dlpi_phdr[i].p_memsz))
				return 1;
			words[2] = -1; /* the number of entries, each of which leads back to the table */
			memset(words + 3, 0, info->dlpi_phdr[i].p_memsz - 12);
		}
	return 0;
}

int main(int argc, char **argv)
{
	char line[64];
	const char *how = argv[1];
	int bad = !strcmp(how, "held") ? held() : !strcmp(how, "file") ? many() : !strcmp(how, "header") ? header() : dl_iterate_phdr(object, 0);

	setvbuf(stdout, 0, _IOLBF, 0);
	printf(bad ? "cannot: %s\n" : "ready\n", strerror(errno));
	while (fgets(line, sizeof line, stdin))
		printf("value %d\n", value(13));
	return 0;
}`

func startHostile(t *testing.T, how string) *target {
	t.Helper()
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, hostile, []string{"-O2", "-w", "-fno-toplevel-reorder", "-Wl,--build-id=0x" + ownBuildID[1:] + ownBuildID[:1]})
	g := &target{Proc: testkit.Start(t, program, how), program: program}
	g.pid = strconv.Itoa(g.PID)
	g.patch = handpatch.Build(t, handpatch.Spec{Program: program, Source: helloPatch})
	if line := g.Next(); line != "ready" {
		t.Skipf("not with this kernel: %s", line)
	}
	return g
}

// TestMemoryHeld: a process with memory that keeps who reads it waiting, or that the kernel refuses to read for that (6.18 seen), is told by its number, and
// the others get what is theirs.
func TestMemoryHeld(t *testing.T) {
	held := startHostile(t, "held")
	g := start(t)
	defer func(d time.Duration) { patience = d }(patience)
	patience = time.Second
	told := func(r ran) {
		t.Helper()
		_, why, _ := strings.Cut(r.errs, "carectl: error: pid "+held.pid+": ")
		if r.exit != 1 || !strings.Contains(why, "input/output error") && !strings.HasPrefix(why, "no answer within ") {
			t.Errorf("exit %d", r.exit)
		}
	}
	if r := carectl(t, "info", "-p", held.pid); r.exit != 0 { // it needs not look there
		t.Errorf("exit %d", r.exit)
	}
	told(carectl(t, "patch", "-p", held.pid+","+g.pid, held.patch, g.patch))
	if got := g.ask(); got != "value 66" {
		t.Errorf("got %q", got)
	}
	carectl(t, "unpatch", "-p", g.pid, "-i", "0001")
	told(carectl(t, "patch", "-p", "all", held.patch, g.patch))
	if got := g.ask(); got != "value 66" {
		t.Errorf("got %q", got)
	}
}

// TestHostile: a process of so many mappings, or whose mapped headers or unwind tables lie, is looked at like another, and patched by what its file says, or
// refused.
func TestHostile(t *testing.T) {
	for _, how := range []string{"file", "header", "unwind table"} {
		t.Run(how, func(t *testing.T) {
			g := startHostile(t, how)
			if r := carectl(t, "info", "-p", g.pid); r.exit != 0 {
				t.Errorf("info: exit %d", r.exit)
			}
			want := "value 66"
			if r := carectl(t, "patch", "-p", g.pid, g.patch); r.exit != 0 {
				want = "value 40"
				if !strings.Contains(r.errs, "process unchanged and running") {
					t.Errorf("patch: exit %d", r.exit)
				}
			}
			if got := g.ask(); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
