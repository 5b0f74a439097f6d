package fault

// processes are the refusals and failures of applying to processes.
var processes = []Reason{
	{
		Code: "action-failed",
		Hint: "tell whoever made the patch: an action may take no lock and not wait, since all other threads are stopped",
		Paragraph: "A function that the patch has carectl run (gocare.h(7)) crashed, did not return in time, or made a system call that it must not. " +
			"What was done was undone.",
	},
	{
		Code:      "action-refused",
		Hint:      "see the documentation of the patch for what its function wants; try again when that is so",
		Paragraph: "A function that the patch has carectl run (gocare.h(7)) returned something else than 0. What was done was undone.",
	},
	{Code: "already-applied", Paragraph: "A patch of this id is applied already."},
	{Code: "attach", Paragraph: "A thread cannot be attached to."},
	{
		Code:      "bad-region",
		Hint:      "the process holds a damaged patch; restart it to get rid of it",
		Paragraph: "A live patch in the process cannot be read.",
	},
	{
		Code: "busy-coroutine",
		Paragraph: "A coroutine that is suspended, or has ended and left its registers, will return to a function that is being " +
			"replaced; the message has its stack where it is known. `carectl --allow busy-coroutine` does without the check.",
	},
	{
		Code: "busy-thread",
		Paragraph: "A thread is executing a function that is being replaced; the message names both. The hint says for how long was " +
			"waited, and whether the thread left the function meanwhile.",
	},
	{Code: "changed-meanwhile", Hint: "try again", Paragraph: "The process changed between plan and commit."},
	{
		Code: "compiled-apart",
		Hint: "make one patch from the sources of both, and apply it with --replace and the id of the one that is applied",
		Paragraph: "A function of one patch calls a function that another patch replaces, and was compiled with another version of " +
			"it.",
	},
	{
		Code:      "cve-unknown",
		Hint:      "see with patchmake inspect what a patch says it fixes; patchmake --cve records it",
		Paragraph: "No patch given says that it fixes the CVE asked for.",
	},
	{Code: "duplicate-function", Paragraph: "The patch replaces a function twice."},
	{Code: "empty-patch", Paragraph: "The patch replaces no function."},
	{Code: "exec-memory", Paragraph: "The process may not map executable memory."},
	{Code: "foreign-hook", Paragraph: "The start of a function holds something that is neither the original code nor a jump of ours."},
	{Code: "foreign-patch", Paragraph: "The function is replaced by another tool's patch."},
	{Code: "ifunc-unresolved", Paragraph: "A function picked at run time could not be resolved in the process."},
	{Code: "interrupted", Paragraph: "carectl or patchmake was interrupted."},
	{Code: "kernel-thread", Hint: "give the PID of a user process", Paragraph: "The process is a kernel thread."},
	{
		Code: "landing-pad",
		Hint: "make the patch again with this version of patchmake, or patch a caller of the function instead",
		Paragraph: "A function of aarch64 is called through pointers that the processor checks, and begins with paciasp, which its replacement " +
			"does not, or not first; and the patch has no room in front of that for the instruction which takes back what paciasp did.",
	},
	{Code: "loaded-twice", Paragraph: "The object is loaded more than once."},
	{Code: "locked", Paragraph: "Another carectl works on the process."},
	{Code: "machine", Paragraph: "The program is not one for the machine that carectl runs on, x86-64 or aarch64, or the kernel has pages of a size that no such machine has."},
	{
		Code:      "mapped-elsewhere",
		Hint:      "something was mapped there meanwhile: try again",
		Paragraph: "The kernel gave other addresses than asked for.",
	},
	{
		Code: "may-unload",
		Hint: "where the program keeps that library loaded, say so with carectl --allow may-unload",
		Paragraph: "The patch uses a library that the program loaded itself (dlopen), and may unload while what is patched stays: the new code " +
			"would call into nothing. `carectl patch --allow may-unload` does without the check.",
	},
	{
		Code: "name-taken",
		Hint: "have the source patch give it another name, or make it static",
		Paragraph: "A patched library would show a name that an object which comes before it in the process has, too. In a process that is " +
			"started with that library its code would use the other one, while the patch has its own.",
	},
	{Code: "no-patch-file", Paragraph: "The patch file cannot be read."},
	{Code: "no-process", Paragraph: "There is no process of this number; a thread of one has it, or none."},
	{Code: "no-room", Paragraph: "There are no free addresses within reach."},
	{Code: "no-such-process", Paragraph: "The process has ended."},
	{Code: "no-syscall-instruction", Paragraph: "No system call instruction was found in the process."},
	{Code: "not-applicable", Paragraph: "No object of the process has the patch's BuildID."},
	{Code: "not-applied", Paragraph: "The process has no patch of this id."},
	{Code: "not-code", Paragraph: "An address is not executable."},
	{Code: "nothing-done", Paragraph: "No process was changed."},
	{Code: "nothing-to-recover", Paragraph: "The process has no unfinished patch."},
	{
		Code: "no-unwinder",
		Hint: "leave the functions with handlers out of the patch",
		Paragraph: "The patch has functions with handlers or clean-ups of exceptions, and the process' unwinder cannot be told of them: " +
			"it has none of GCC's with its symbols, or uses another, such as LLVM's.",
	},
	{Code: "object-changed", Paragraph: "An object changed while it was read."},
	{
		Code: "over-patch",
		Paragraph: "The patch replaces a function that another patch has replaced: what that one changed there would be gone. Where the new " +
			"patch has that change too, `patchmake --base ID` says so; one that was made from all source patches of the other needs no word. " +
			"`carectl patch --allow over-patch` does without the check, `--replace ID` removes the other.",
	},
	{Code: "permission", Paragraph: "Not allowed to look at the process, or to attach to it."},
	{Code: "resolver-failed", Paragraph: "The function which picks an implementation at run time failed in the process."},
	{Code: "rseq", Paragraph: "A thread is in a restartable sequence."},
	{
		Code: "privileged-program",
		Hint: "run it as root, or patch it with carectl patch when it runs",
		Paragraph: "A program to be started patched has the set-user-ID bit or capabilities, which a user who is not root would take " +
			"from it.",
	},
	{Code: "seccomp", Hint: "run as root with CAP_SYS_ADMIN", Paragraph: "The process has a seccomp filter, which only root may suspend."},
	{Code: "shared-memory", Paragraph: "Another process runs in the same memory (vfork, CLONE_VM)."},
	{Code: "signals", Paragraph: "A thread is flooded with signals."},
	{Code: "stack-unreadable", Paragraph: "The stack of a thread cannot be read."},
	{Code: "thread-does-not-stop", Paragraph: "A thread does not stop."},
	{Code: "tls-import", Paragraph: "The patch imports a thread-local variable."},
	{Code: "traced", Paragraph: "The process is traced already."},
	{Code: "unresolved", Paragraph: "A symbol is defined in no object of the process."},
	{
		Code:      "unresponsive",
		Hint:      "see in /proc/PID/stack what it waits for: a file system that does not answer, say",
		Paragraph: "What is read of the process, or a call in it, did not come to an end in time. Others were not held up.",
	},
	{
		Code: "unwinder-busy",
		Hint: "try again, or wait longer with --wait=30s",
		Paragraph: "The unwinder that throws exceptions must be told of the unwind data of a patch, and no thread of the process can " +
			"do that now: each runs, or is in the middle of an allocation, of an exception or of a signal handler.",
	},
	{Code: "wrong-build", Paragraph: "The code in the process is not what the patch was made from."},
	{
		Code:      "wrong-build-id",
		Hint:      "name the file after the BuildID it is for",
		Paragraph: "The patch is for another BuildID than its name says.",
	},
	{
		Code:      "zombie",
		Hint:      "nothing runs there any more; its parent should wait for it",
		Paragraph: "The process has ended and waits to be collected.",
	},
}
