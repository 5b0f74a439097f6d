package fault

// reading are the refusals of source patches.
var reading = []Reason{
	{Code: "patch-empty", Paragraph: "The patch is empty, or has no function."},
	{Code: "patch-syntax", Paragraph: "The patch cannot be read: the place and what was expected are named."},
	{
		Code:      "patch-binary",
		Hint:      "a live patch carries code only: leave the binary files out of the patch",
		Paragraph: "The patch changes a binary file.",
	},
	{Code: "patch-path", Paragraph: "A name in the patch leaves the tree, or is no regular file."},
	{Code: "patch-target", Hint: "give the source directory the patch is for (--srcdir)", Paragraph: "The tree has no file of that name."},
	{Code: "patch-reject", Paragraph: "A hunk does not fit the file."},
}

// building are those of builds and their records.
var building = []Reason{
	{Code: "build-failed", Paragraph: "A build, or a compile of its own, failed; its output was shown."},
	{Code: "no-record", Paragraph: "A changed unit, or a link, was not recorded when it was made. Build it through carecc, or use --clean."},
	{
		Code: "record-old",
		Hint: "run patchmake --clean, which builds the original anew",
		Paragraph: "A file changed after a unit that reads it was compiled, make did not compile the unit again, and the patch changes it: " +
			"what the running program was made of is not there any more.",
	},
	{
		Code: "asm-file",
		Hint: "keep the file as it is, or put what changed into the source",
		Paragraph: "A file that assembly reads by itself (.incbin, .include) changed, or cannot be told: versions are compared by the text of " +
			"the assembly, which only names the file.",
	},
	{
		Code:      "new-input",
		Hint:      "its archive has several members of that name: give them different names" + anew,
		Paragraph: "The patched build links an archive member which the original does not, and the archive has several of that name.",
	},
	{
		Code: "partial-link",
		Hint: "link what ld -r wrote as it is, or the objects directly" + anew,
		Paragraph: "A changed unit went into an object that was made with ld -r and rewritten then, by objcopy say, or that the linker did " +
			"more for than to put sections together: it made code, bound names to others, read other files.",
	},
	{
		Code:  "other-options",
		Vouch: "the options and compilers that differ do not matter",
		Hint: "build as the original was built: --build-cmd with the same command and variables (make CFLAGS=…), in the same " +
			"environment; --allow other-options if the difference does not matter",
		Paragraph: "A unit was compiled with other options, or by another compiler, than in the original build, and the source patch is " +
			"not the cause, or not the only one; the first difference is named. Where it is the patch alone, they are used; where it " +
			"is the command alone, the unit is compiled from its record.",
	},
	{
		Code:      "same-build-id",
		Hint:      "link each with a BuildID of its own, as -Wl,--build-id makes it, and restart what runs them",
		Paragraph: "Two different programs or libraries that are installed have one BuildID, by which processes are told apart.",
	},
	{
		Code:  "other-link",
		Vouch: "the difference means nothing to what runs",
		Hint: "a process keeps the link that its program was made with: make the change in the code; --allow other-link if the " +
			"difference means nothing to what runs",
		Paragraph: "The source patch changes how a program is linked: an option that redirects, defines or exports symbols, or a file that " +
			"the linker reads, such as a linker script, a version script or plain data. A version script may have more names.",
	},
	{Code: "lto", Paragraph: "A changed unit is compiled with -flto, and what code is made of it when the program is linked is not known: " +
		"with clang, with gold and mold, and where an object is made of it with -r. Or it was not compiled again though it includes a changed file."},
	{Code: "isolate-busy", Paragraph: "A build of another run is still at work in the tree."},
	{Code: "isolate-mode", Hint: "use --isolation=auto", Paragraph: "This machine does not allow the way of isolation asked for."},
	{Code: "isolate-path", Paragraph: "A file is not in the tree, or the scratch directory is."},
	{
		Code:  "no-types",
		Vouch: "layouts and signatures are not compared",
		Hint:  "--allow no-types if the patch changes no structure, enumeration, prototype or type of a variable",
		Paragraph: "A unit could not be compiled with -g, to compare data layouts, or its debug information not be read: of numbers of fixed " +
			"point, for one.",
	},
}

// changes are those of what a source patch changes.
var changes = []Reason{
	{Code: "nothing-changed", Paragraph: "No code changed."},
	{Code: "filter-empty", Hint: "list the functions to patch in the filter", Paragraph: "The filter leaves no function."},
	{
		Code:      "filter-split",
		Vouch:     "old and new versions mix",
		Paragraph: "The filter leaves out a changed function that calls, or is called by, one that it keeps.",
	},
	{
		Code:      "bad-action",
		Hint:      "give the macro of gocare.h a new function (int f(void)), or a new variable, of the source that it stands in",
		Paragraph: "A macro of gocare.h names what carectl cannot run: a function that is not new, or not one of its source.",
	},
	{Code: "data-changed", Vouch: "the old value of the variable stays", Paragraph: "The initial value of a variable in use changed, or the code of C++ that gives it its first value, once."},
	{Code: "data-size", Paragraph: "The size of a variable in use changed."},
	{
		Code:  "signature",
		Vouch: "no caller outside the patch uses the old prototype",
		Hint: "code outside the patch passes what the old one takes: keep it and add a new function, let the patch hold every " +
			"caller, or use --allow signature if no such code runs again",
		Paragraph: "A function has another prototype, and is called by code that is not in the patch, has its address taken, or is " +
			"seen by other programs or libraries.",
	},
	{
		Code:  "struct-layout",
		Vouch: "no object of the old layout exists",
		Hint: "objects of the old layout live on in the process: keep it and put new data into a new variable; --allow " +
			"struct-layout if no such object can exist",
		Paragraph: "A structure or union has another layout, or its source demands another alignment; or a member has another name, and the " +
			"source patch does not use it as the old one.",
	},
	{
		Code:  "enum-renumbered",
		Vouch: "no old value of the enumerator is stored",
		Hint: "the process has stored the old values: put new enumerators at the end, or give them values of their own; --allow " +
			"enum-renumbered if no value that changed is stored anywhere, as that of a mere count at the end",
		Paragraph: "An enumerator has another value, and the process may have stored the old one. Put new enumerators at the end, or " +
			"give them values of their own. A count at the end may grow where the source uses it as a limit and as the bound of " +
			"arrays alone. Or a function goes on at numbers that are counted (case __LINE__, case __COUNTER__), and one of them leads " +
			"elsewhere. Allow it where no value that changed is stored anywhere.",
	},
	{
		Code:  "variable-gone",
		Vouch: "what still uses the variable keeps the old one",
		Paragraph: "A variable that the patch removes is still used: by another unit, which only a library can be linked without, or " +
			"by a changed function that the filter leaves out.",
	},
	{
		Code:  "variable-type",
		Vouch: "any value of the variable will do",
		Hint: "it keeps its value, and code outside the patch goes on using it as the old type: leave it as it is and add a new " +
			"variable; --allow variable-type if all values that it can have mean the same in both types",
		Paragraph: "A variable in static storage has another type, in a unit that defines or uses it; another name for the same type is none, nor is " +
			"another sign of an integer.",
	},
	{
		Code: "static-ambiguous",
		Paragraph: "It cannot be told which static variable or clone of the original is which of the patched version: there are " +
			"several of one name in a function, and the source patch left no line alone that shows which is which; or one was " +
			"taken away and one of its name was added elsewhere in the function.",
	},
	{
		Code:  "static-moved",
		Vouch: "the variable is a new one",
		Paragraph: "A new static local looks like one of its name that another function had: it stands on the same line, or in the " +
			"same words, or both functions may be one, renamed. Or the patch takes a variable of its name away somewhere else in " +
			"the program: in a function, at file level, in another source; or new code uses one of its name of another unit or of a " +
			"library. Allowed, it is another variable.",
	},
	{
		Code:  "static-renamed",
		Vouch: "the variable is a new one",
		Hint:  "keep the old name; --allow static-renamed takes it for a new one, which begins with its initial value",
		Paragraph: "A new static local, or a new variable at file level, stands where the source patch took away one of another name " +
			"that looks the same; or the patch takes one away anywhere in the program: what is new may be that one by another " +
			"name, in a wider type, as a member of a structure. Allowed, it is a new variable.",
	},
	{
		Code:  "start-only",
		Vouch: "the function is called later, too",
		Hint: "make the change where it takes effect later; --allow start-only if the function is called besides, " +
			"or if what it did at start may stay",
		Paragraph: "The patch changes or takes away a constructor, or changes what only constructors call, or the resolver of an indirect function: " +
			"running processes ran it when they started.",
	},
	{
		Code:  "static-lost",
		Vouch: "the variable has its initial value, and nothing points to it",
		Paragraph: "New code uses a static variable which the original declares too, but which its compiler keeps nowhere: it knew " +
			"every value, or saw that nobody reads it; or one that the compiler keeps nowhere in the patched version, as the " +
			"patch took away what writes it. What the program would have in it is not known, or not seen. With --allow it " +
			"begins with its initial value. Or the patch takes away all code that takes the address of a static variable of a " +
			"function, or of C++, and the process may have such a pointer, which the compiler does not reckon with.",
	},
	{
		Code:      "static-unproved",
		Vouch:     "static locals are paired by likeness",
		Hint:      "build with -g; --allow static-unproved pairs them by likeness",
		Paragraph: "Which static local is which could be told by likeness only.",
	},
	{
		Code:      "new-tls",
		Hint:      "use a variable that is not thread-local, or a library of thread keys",
		Paragraph: "New code uses a new thread-local variable.",
	},
	{
		Code:      "new-tls-variable",
		Hint:      "running threads have no room for it: use an ordinary variable",
		Paragraph: "The patch adds a thread-local variable.",
	},
	{
		Code:      "new-common",
		Hint:      "give the variable an initialiser",
		Paragraph: "A new variable is in common storage. Give it an initialiser.",
	},
	{
		Code:      "new-constructor",
		Vouch:     "it never runs",
		Hint:      "do the work where it is first needed",
		Paragraph: "The patch adds code which runs only when a program starts or ends.",
	},
	{
		Code:  "gone-caller",
		Vouch: "the function does not run again",
		Paragraph: "A function that the patch does away with may be called again, since its address was given away, and calls one " +
			"whose new code overwrites registers that it relies on, as gcc saw the old one leave them alone (`-fipa-ra`), or " +
			"a private one whose new code may rely on what its callers in the patched version pass. Or the source still has " +
			"it, but the patched version has it inlined only, so that the old code would run.",
	},
	{
		Code:  "function-renamed",
		Vouch: "the process does not keep the address of the old function",
		Hint: "keep the name of the function, and make the edit there; --allow function-renamed if the process does not keep its address, " +
			"or may go on with the old code there",
		Paragraph: "A function is gone whose address was given away, to a table, a list or a pointer, and a new one of its prototype may be " +
			"it by another name, or in another unit: what keeps the old address would go on with the old code. A private function is " +
			"taken for the renamed one where each line that names it only has the new name now. Or it is a lambda or a function of a " +
			"local class, which compilers of C++ only count, and the patch may have shifted the count.",
	},
	{
		Code:      "gone-destructor",
		Vouch:     "it still runs at exit",
		Hint:      "keep the function registered and make it do nothing; with __asm__ volatile(\"\") in it the compiler keeps it",
		Paragraph: "The patch takes away code which runs when the program ends.",
	},
	{
		Code:      "section-set",
		Paragraph: "A variable, or a new input, comes into a section which the program collects when it is linked, or leaves one.",
	},
	{
		Code:      "target-mismatch",
		Hint:      "build with the compiler, options and sources it was built with",
		Paragraph: "The rebuilt binary is not the shipped one.",
	},
}
