package fault

// anew ends the hints that ask for another original: no patch for what runs comes of it.
const anew = "; the original is then another program: restart what runs the old one"

const leaveOut = "leave the function out with the filter, or make the change in a function that does not have this"

// assembly are the refusals of what compilers and inline assembly write.
var assembly = []Reason{
	{Code: "not-assembly", Paragraph: "The file is no assembly text."},
	{
		Code:      "alias-changed",
		Hint:      "keep what the name stands for, or build both versions with -fno-ipa-icf" + anew,
		Paragraph: "An alias names something else now.",
	},
	{Code: "alias-cycle", Hint: leaveOut, Paragraph: "An alias or table is circular or nested too deeply."},
	{Code: "alias-expression", Hint: leaveOut, Paragraph: "An alias is more than a symbol and an offset."},
	{Code: "asm-directive", Hint: leaveOut, Paragraph: "Inline assembly uses a directive whose effect is not followed."},
	{Code: "asm-function", Hint: leaveOut, Paragraph: "A function in assembly has no size."},
	{Code: "asm-label", Hint: leaveOut, Paragraph: "An operand is no label of its function."},
	{Code: "asm-macro", Hint: leaveOut, Paragraph: "Inline assembly uses a macro."},
	{Code: "asm-section", Hint: leaveOut, Paragraph: "Inline assembly writes to another section than its own, and no note."},
	{Code: "asm-toplevel", Hint: "only functions and named variables can be patched", Paragraph: "Top-level assembly or unnamed data changed."},
	{
		Code:      "comdat",
		Hint:      "let that unit go on using the function",
		Paragraph: "An inline function changed, of whose copies the linker kept that of a unit which has none any more.",
	},
	{Code: "empty-data", Hint: leaveOut, Paragraph: "Data that is referred to has no content of its own."},
	{
		Code:      "entry-table",
		Hint:      "build both versions without -mrecord-mcount" + anew,
		Paragraph: "The unit keeps a table of places inside its functions (-mrecord-mcount).",
	},
	{Code: "foreign-label", Hint: leaveOut, Paragraph: "A function uses a label inside another one, which the filter leaves out."},
	{Code: "intel-syntax", Hint: "build both versions without -masm=intel" + anew, Paragraph: "The unit is compiled with -masm=intel."},
	{
		Code:  "label-escape",
		Vouch: "no label is used after its function returned",
		Hint: "leave the function out with the filter; --allow label-escape if no such address is used after the function " +
			"returned",
		Paragraph: "The address of a label of a function (&&label) gets to where it outlives the call: old addresses would lead into " +
			"the old code.",
	},
	{Code: "label-table", Hint: leaveOut, Paragraph: "Two functions own a table of labels, or one uses the other's."},
	{Code: "private-data", Hint: leaveOut, Paragraph: "Code uses data which has no name to find it by."},
	{
		Code: "object-unclear",
		Hint: "compile both versions with -ffunction-sections -fdata-sections, link and start the original anew; or make the patch from the sources, " +
			"with carecc",
		Paragraph: "The code of an object leaves open what it refers to, or does not come back from an assembler as it is (patchmake from-objects).",
	},
	{
		Code:  "own-object",
		Vouch: "the call is not reached, or may fail",
		Hint:  "leave the function as it is, and make the change in one that it calls; --allow own-object if that call may fail",
		Paragraph: "Code of the patch calls dlsym(RTLD_NEXT), or dlopen in a library with a run path: where the caller is in no object that the " +
			"process loaded, the first fails, and the other does not look there.",
	},
	{
		Code: "name-clash",
		Hint: "keep the private one where it holds a value, which the other has not; else reach the other through a new function in its own " +
			"unit: a variable that gets another name loses its value",
		Paragraph: "A name of another unit is that of a private symbol of this one.",
	},
	{
		Code:      "section-anchors",
		Hint:      "build both versions with -fno-section-anchors (gcc) or -mno-global-merge (clang)" + anew,
		Paragraph: "Code of the unit knows variables by number, not by name: as their distance from an anchor or in one made of several.",
	},
	{Code: "unknown-label", Hint: leaveOut, Paragraph: "A label is not defined in the unit."},
}
