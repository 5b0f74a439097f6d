package fault

// signatures are the refusals of patches that are not signed as the machine or the user wants, and of what says so.
var signatures = []Reason{
	{
		Code: "bad-policy",
		Hint: "correct the file: carectl(1) has what it may say",
		Paragraph: "The policy of the machine, or a public key, cannot be read or understood. A policy says `require-signature yes` or " +
			"`require-signature no`; `key-until ID DAY` lets a key count up to that day.",
	},
	{
		Code: "bad-signature",
		Hint: "get the patch and its signature again, from whoever made them",
		Paragraph: "The signature is not one of this file: the file or the signature is damaged, was changed, or the signature belongs to " +
			"another file.",
	},
	{
		Code:      "key-expired",
		Hint:      "get a patch that is signed with a key which counts",
		Paragraph: "The policy lets the key that signed the patch count up to a day which is past. When it was signed does not matter.",
	},
	{
		Code:      "unknown-key",
		Hint:      "put the signer's public key there, as FILE.pub, if you trust it",
		Paragraph: "The patch is signed with a key that the machine does not trust.",
	},
	{
		Code:      "unsafe-trust",
		Hint:      "see who wrote there; then let it be root's alone: chown root, chmod go-w",
		Paragraph: "Others than root may write the machine's policy or its keys, or one of them is a link.",
	},
	{
		Code:      "unsigned",
		Hint:      "get FILE.minisig from whoever made the patch, and put it beside",
		Paragraph: "The patch has no signature, and the policy of the machine or --require-signature asks for one.",
	},
}
