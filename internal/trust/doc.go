// Package trust decides which patches a machine takes: those with a signature of a key that its administrator trusts, where the
// policy of the machine or the user asks for one.
//
// Input: a directory with a policy and public keys of minisign; the bytes of a patch and those of its signature. Output: who signed,
// or a refusal. It refuses a policy or key that somebody else than the administrator may write, and a policy that it does not
// understand. Nothing in it can be switched off from outside: no flag, no variable of the environment.
//
//	/etc/gocare/policy         require-signature yes
//	/etc/gocare/trust.d/*.pub  public keys, as minisign -G or patchmake keygen write them
package trust
