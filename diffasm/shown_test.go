package diffasm

import "testing"

// TestShown: a variable of C++ that other units see in one version alone is one, where no other may be meant.
func TestShown(t *testing.T) {
	variable := func(name, section, more string) string {
		return more + "\t.section\t" + section + "\n\t.align 4\n\t.type\t" + name + ", @object\n\t.size\t" + name + ", 4\n" + name + ":\n\t.long\t1\n"
	}
	plain := func(name string) string { return variable(name, `.data,"aw"`, "") }
	global := func(name string) string { return variable(name, `.data,"aw"`, "\t.globl\t"+name+"\n") }
	uses := func(name string) string { return asmText("get", "\tmovl\t"+name+"(%rip), %eax") }
	for _, r := range []struct {
		name          string
		orig, patched string
		variable      string
		want          Status
	}{
		{"shown", plain("_ZL1v"), global("v"), "v", Same},
		{"hidden", global("_ZN2ns1vE"), plain("_ZN2nsL1vE"), "_ZN2nsL1vE", Same},
		{"out of a nameless namespace", plain("_ZN12_GLOBAL__N_11vE"), plain("_ZL1v"), "_ZL1v", Same},
		{"another unit's may be meant", plain("_ZL1v") + uses("v"), global("v"), "v", New},
		{"another unit's is used now", global("v"), plain("_ZL1v") + uses("v"), "_ZL1v", New},
		{"two that it may be", plain("_ZL1v") + plain("_ZN12_GLOBAL__N_11vE"), global("v"), "v", New},
		{"two that may be it", plain("_ZL1v"), global("v") + plain("_ZN12_GLOBAL__N_11vE"), "v", New},
		{"weak", plain("_ZL1v"), variable("v", `.data,"aw"`, "\t.weak\tv\n"), "v", New},
		{"of section groups", plain("_ZL1v"), variable("v", `.data.v,"awG",@progbits,v,comdat`, "\t.globl\tv\n"), "v", New},
		{"of threads", variable("_ZL1v", `.tdata,"awT"`, ""), variable("v", `.tdata,"awT"`, "\t.globl\tv\n"), "v", New},
	} {
		t.Run(r.name, func(t *testing.T) {
			d, err := Match(parseText(t, r.orig), parseText(t, r.patched), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range d.Variables {
				if v.Name == r.variable && v.Status != r.want {
					t.Errorf("%s is %s, want %s", v.Name, v.Status, r.want)
				}
			}
		})
	}
}

// TestShownOfOneKind: a function is no variable that was private.
func TestShownOfOneKind(t *testing.T) {
	get := func(name string) string { return asmText("get", "\tmovl\t"+name+"(%rip), %eax") }
	d, err := Match(parseText(t, "\t.data\n_ZL1v:\n\t.long\t1\n"+get("_ZL1v")), parseText(t, "\t.globl\tv\n"+asmText("v", "\tnop")+get("v")), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range d.Functions {
		if f.Name == "get" && f.Status != Changed {
			t.Errorf("%s is %s", f.Name, f.Status)
		}
	}
}
