package fault

// references are the refusals of references and of the original binary.
var references = []Reason{
	{
		Code:      "absolute-reference",
		Hint:      "compile the patched unit with the options of the original",
		Paragraph: "An absolute address is needed in a position-independent binary.",
	},
	{Code: "absolute-symbol", Hint: "write the number into the source", Paragraph: "A symbol is no place in a section."},
	{Code: "ambiguous-symbol", Paragraph: "Several definitions could be meant."},
	{
		Code:      "direct-import",
		Hint:      "reach it through a function of the original that does",
		Paragraph: "Code reaches directly for a variable of another object, and can neither be rewritten nor compiled not to.",
	},
	{
		Code: "discarded-symbol",
		Hint: "the original was linked with --gc-sections: define what the patch needs under a new name",
		Paragraph: "The linker left out what the patch needs, and the patch cannot have it: one copy of several, a thread-local variable, or code " +
			"with a string literal in common with code that was kept.",
	},
	{
		Code:      "duplicate-symbol",
		Hint:      "define it in one of them, and declare it in the other",
		Paragraph: "Two units define the same new symbol, strong or weak.",
	},
	{Code: "folded-function", Paragraph: "The linker made two functions one."},
	{Code: "foreign-machine", Paragraph: "The binary is for another machine."},
	{
		Code:      "foreign-map",
		Hint:      "maps of GNU ld, gold, lld and mold are understood",
		Paragraph: "The link map was written by a linker that is not known.",
	},
	{
		Code:      "ifunc-without-stub",
		Hint:      "call a function of the original that calls it: one of its implementations may need another processor",
		Paragraph: "A function which is picked at run time has no PLT entry or GOT slot in the original.",
	},
	{
		Code:  "literal-unplaced",
		Vouch: "no address of the constant is kept or compared",
		Hint: "make the change without it, or compare what it holds wherever its address is compared; --allow literal-unplaced if " +
			"its address is neither kept, compared nor freed",
		Paragraph: "The original has a constant without a name, a string for one, that the new code uses, and it cannot be told where. A " +
			"copy would have another address than the one that the process has stored or compares.",
	},
	{
		Code:      "local-label",
		Hint:      "give it a name that does not begin with .L",
		Paragraph: "A label names a place that objects do not keep.",
	},
	{
		Code: "no-relocations",
		Hint: "compile with -g, and link with -Wl,--emit-relocs",
		Paragraph: "Two objects or binaries do not say what their code refers to: objects need debugging information, binaries the relocations of " +
			"the link, too (patchmake from-objects, from-binaries).",
	},
	{
		Code: "unseen-input",
		Hint: "keep the name as it was, or make the new one static; or make the patch from a recorded build, with carecc",
		Paragraph: "A name that other inputs of the link may define or use comes or goes, and nothing tells what these are (patchmake " +
			"from-objects).",
	},
	{
		Code: "merged-symbol",
		Hint: "the linker may have shared the content with other units: use a constant under a new name, or build both versions " +
			"without -fmerge-all-constants" + anew,
		Paragraph: "The symbol is in a section whose content the linker merges.",
	},
	{
		Code: "library-patch",
		Hint: "do without it: let a function that the library has already do the work, or one of the program",
		Paragraph: "New code uses a function or variable that the source patch adds to a shared library of the same build. References " +
			"between programs and libraries are looked up in the libraries that a process has loaded, and not in their patches.",
	},
	{
		Code: "moved-global",
		Paragraph: "A symbol is new in this unit, and the original defines it in another, takes it from a library, or does without " +
			"(a weak reference); or it is no longer defined here, so that another definition, or none, takes its place. Code " +
			"that did not change would go on with the old one.",
	},
	{
		Code:      "new-ifunc",
		Hint:      "call the implementation that every processor runs, or a function that the original has",
		Paragraph: "A new input defines a function which is picked when a program starts.",
	},
	{
		Code:  "new-library",
		Vouch: "the process has loaded it by other means",
		Hint: "a running process is given no library: do without it; --allow new-library if the process is sure to have it " +
			"loaded",
		Paragraph: "New code uses a library that the original does not load.",
	},
	{
		Code:      "new-tls-slot",
		Hint:      "reach it through a function of the original that does",
		Paragraph: "The original has no GOT slot for a thread-local variable.",
	},
	{Code: "no-build-id", Paragraph: "The binary has no BuildID. Link it with -Wl,--build-id, and restart what runs the old one."},
	{Code: "object-mismatch", Paragraph: "An object is not the one the binary was linked from."},
	{Code: "out-of-range", Hint: "let the code take all bits of the value", Paragraph: "A value does not fit."},
	{
		Code:      "stripped",
		Hint:      "give the binary as the linker wrote it, before strip",
		Paragraph: "The binary has no symbol table and there is no record of its link.",
	},
	{
		Code:      "tls-model",
		Hint:      "compile the patched unit with the options of the original",
		Paragraph: "A thread-local variable has no fixed place in this binary.",
	},
	{Code: "too-short", Paragraph: "A function has no room for a jump, and there is no padding nearby that could hold one."},
	{Code: "undefined-symbol", Paragraph: "The symbol is defined nowhere."},
	{Code: "unknown-function", Paragraph: "The original has no such function."},
	{
		Code:      "unknown-section",
		Hint:      "put it into a section that programs have in memory",
		Paragraph: "A section is no part of a patch.",
	},
	{
		Code:      "unplaced-symbol",
		Paragraph: "The link map does not say where the symbol's section went.",
	},
	{
		Code:      "unsupported-relocation",
		Hint:      "assembly of its own or an unusual code model (-mcmodel) makes such references: build the unit without them" + anew,
		Paragraph: "A relocation of this type cannot be carried over.",
	},
	{
		Code:      "weak-undefined",
		Hint:      "the original has no slot that could become it: leave the test for it out of the patch",
		Paragraph: "A weak symbol is defined nowhere.",
	},
}

// patchFiles are those of patch files.
var patchFiles = []Reason{
	{
		Code:      "alignment",
		Hint:      "leave the object with that alignment out of the change",
		Paragraph: "A section wants an alignment of more than a page.",
	},
	{Code: "bad-id", Paragraph: "The patch id is not 1 to 7 of the allowed characters."},
	{
		Code:      "buildid-ambiguous",
		Hint:      "narrow the patch with --functions, or leave --buildid out",
		Paragraph: "--buildid names one binary, and several changed.",
	},
	{Code: "format-build-id", Paragraph: "The BuildID is longer than 20 bytes."},
	{Code: "format-corrupt", Paragraph: "The file is damaged."},
	{
		Code:      "format-foreign",
		Hint:      "name a .kpatch file that patchmake or libcare-patch-make wrote",
		Paragraph: "The file is no .kpatch file, or has an unknown version.",
	},
	{Code: "format-machine", Hint: "build the patch on the machine it is for", Paragraph: "The patch is for another machine."},
	{Code: "format-truncated", Hint: "copy the patch again", Paragraph: "The file ends too soon."},
	{Code: "hooks-overlap", Hint: "functions at one address are one target: patch them under one name", Paragraph: "Two jumps would overlap."},
	{
		Code:      "import-data",
		Hint:      "use a variable that the original already refers to, or a function",
		Paragraph: "Data holds the address of an import.",
	},
	{Code: "patch-too-large", Hint: "make the patch of fewer functions", Paragraph: "The patch is too large for the format."},
	{
		Code:      "reloc-32-pie",
		Hint:      "compile the patched unit with the options of the original (-fPIE or -fPIC)",
		Paragraph: "A 32-bit absolute address is needed in a position-independent binary.",
	},
	{Code: "reloc-range", Paragraph: "A value does not fit its relocation."},
	{Code: "reloc-type", Hint: "make the patch again with patchmake", Paragraph: "The relocation type is none that is applied."},
}
