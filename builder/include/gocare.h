/*
 * gocare.h: for source patches of which live patches are made.
 *
 * A source patch may include it in the sources that it changes: patchmake brings its own copy. It has macros and static functions only,
 * needs no library, and means nothing where the fixed program is built and started as usual. gocare.h(7) has examples.
 *
 * Licensed under the Apache License, version 2.0.
 */
#ifndef GOCARE_H
#define GOCARE_H

#define GOCARE_MARK_(kind, name) \
	__attribute__((__used__, __section__(".gocare." #kind))) gocare_##kind##_##name
#define GOCARE_ACTION_(kind, function) \
	static int (*const GOCARE_MARK_(kind, function))(void) = sizeof(function() + 0) ? function : 0

/*
 * Functions that carectl runs in a process while all of its threads are stopped: before the first function is replaced, when all are,
 * and the same when the patch comes off. Each is "int f(void)", is new, and stands in a source that the original has, too. A result
 * other than 0 refuses; so does a function that crashes, or has not returned within a second: then all is as it was. Other threads may
 * hold any lock: take none, call nothing that does (malloc, stdio), and do not wait. The stack has 256 KiB.
 */
#define GOCARE_PRE_APPLY(function) GOCARE_ACTION_(pre_apply, function)
#define GOCARE_POST_APPLY(function) GOCARE_ACTION_(post_apply, function)
#define GOCARE_PRE_REMOVE(function) GOCARE_ACTION_(pre_remove, function)
#define GOCARE_POST_REMOVE(function) GOCARE_ACTION_(post_remove, function)

/*
 * "The patch takes care of what running processes have in this variable, whose initial value changes" (data-changed). They keep it; an
 * action may write to it.
 */
#define GOCARE_VALUE(variable) \
	static const void *const GOCARE_MARK_(value, variable) = (const void *)&(variable)

/*
 * That, and the two actions for a number or a pointer: where the variable is what it was at first, it becomes what it is at first now,
 * and the other way round when the patch is removed. One that was set to something else meanwhile stays.
 */
#define GOCARE_UPDATE(variable, was, is) \
	static int gocare_apply_##variable(void) { if ((variable) == (was)) (variable) = (is); return 0; } \
	static int gocare_remove_##variable(void) { if ((variable) == (is)) (variable) = (was); return 0; } \
	GOCARE_VALUE(variable); \
	GOCARE_POST_APPLY(gocare_apply_##variable); \
	GOCARE_PRE_REMOVE(gocare_remove_##variable)

/*
 * "The patch takes care of the objects of this type that running processes have in the old layout" (struct-layout). The tag of a structure
 * or union, or the name that a typedef gives to one without a tag.
 */
#define GOCARE_STRUCT(tag) GOCARE_TYPE_(tag, struct tag)
#define GOCARE_UNION(tag) GOCARE_TYPE_(tag, union tag)
#define GOCARE_TYPEDEF(name) GOCARE_TYPE_(name, name)
#define GOCARE_TYPE_(name, spelling) \
	static const char GOCARE_MARK_(layout, name)[sizeof(spelling) ? sizeof(#spelling) : 1] = #spelling

/*
 * Shadow variables: values that belong to an object without being in it, where its structure would have to grow. An object is known by
 * its address, a value of it by a number that the patch chooses. One source of the program says GOCARE_SHADOW_TABLE; which sources use
 * it does not matter. Patches that take the place of this one, or come on top of it, find the same values; they end when no patch is
 * left that has them. All of this may be called by any thread at any time, by actions, too.
 */
struct gocare_shadow_entry {
	const void *object; /* 0: free */
	unsigned long id, size;
	struct gocare_shadow_entry *next;
};

#define GOCARE_SHADOW_BUCKETS_ 16384ul
#define GOCARE_SHADOW_CHUNK_ (1ul << 20)

struct gocare_shadow_table {
	int lock; /* of whoever attaches or frees */
	char *chunk;
	unsigned long left; /* bytes of the chunk */
	struct gocare_shadow_entry *bucket[GOCARE_SHADOW_BUCKETS_];
};

/* carectl lets root lead to the word that earlier patches use. */
struct gocare_shadow_anchor {
	struct gocare_shadow_table **root;
	struct gocare_shadow_table *own;
};

#ifdef __cplusplus
extern "C"
#else
extern
#endif
struct gocare_shadow_anchor gocare_shadow_anchor __attribute__((__visibility__("hidden")));

#define GOCARE_SHADOW_TABLE \
	struct gocare_shadow_anchor gocare_shadow_anchor = { &gocare_shadow_anchor.own, 0 }; \
	static const void *const GOCARE_MARK_(shadow, gocare_shadow_anchor) = (const void *)&gocare_shadow_anchor

#define GOCARE_STATIC_ static __inline__ __attribute__((__unused__))

#if defined(__x86_64__)
#define GOCARE_MMAP_ 9
#define GOCARE_MUNMAP_ 11
#define GOCARE_SCHED_YIELD_ 24
#elif defined(__aarch64__)
#define GOCARE_MMAP_ 222
#define GOCARE_MUNMAP_ 215
#define GOCARE_SCHED_YIELD_ 124
#endif

GOCARE_STATIC_ long gocare_system_call_(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
#if defined(__x86_64__)
	long result;
	register unsigned long flags __asm__("r10") = d;
	register unsigned long fd __asm__("r8") = ~0ul;
	register unsigned long offset __asm__("r9") = 0;
	__asm__ __volatile__("syscall"
			     : "=a"(result)
			     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(flags), "r"(fd), "r"(offset)
			     : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long call __asm__("x8") = number;
	register unsigned long result __asm__("x0") = a;
	register unsigned long size __asm__("x1") = b;
	register unsigned long protection __asm__("x2") = c;
	register unsigned long flags __asm__("x3") = d;
	register unsigned long fd __asm__("x4") = ~0ul;
	register unsigned long offset __asm__("x5") = 0;
	__asm__ __volatile__("svc #0"
			     : "+r"(result)
			     : "r"(call), "r"(size), "r"(protection), "r"(flags), "r"(fd), "r"(offset)
			     : "memory");
	return (long)result;
#else
#error "gocare.h: shadow variables are for x86-64 and aarch64"
#endif
}

/* Memory of the kernel, or 0. */
GOCARE_STATIC_ void *gocare_shadow_map_(unsigned long size)
{
	long at = gocare_system_call_(GOCARE_MMAP_, 0, size, 3 /* read, write */, 0x22 /* private, anonymous */);

	return at > -4096l && at < 0 ? (void *)0 : (void *)at;
}

/*
 * Where compilers for aarch64 call functions of libgcc for what is atomic, which a program need not have, the instructions stand here. No
 * other access to memory may come between the two, and no branch needs to.
 *
 * The table that is there when this one is put where there is none.
 */
GOCARE_STATIC_ struct gocare_shadow_table *gocare_shadow_put_(struct gocare_shadow_table **root, struct gocare_shadow_table *table)
{
#if defined(__aarch64__)
	struct gocare_shadow_table *there;
	int failed;

	do
		__asm__ __volatile__("ldaxr %0, [%2]\n\tcmp %0, #0\n\tcsel %0, %3, %0, eq\n\tstlxr %w1, %0, [%2]"
				     : "=&r"(there), "=&r"(failed)
				     : "r"(root), "r"(table)
				     : "cc", "memory");
	while (failed);
	return there;
#else
	struct gocare_shadow_table *none = 0;

	return __atomic_compare_exchange_n(root, &none, table, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) ? table : none;
#endif
}

/* Whether the lock was free, and is taken now. */
GOCARE_STATIC_ int gocare_shadow_try_(int *lock)
{
#if defined(__aarch64__)
	int was, failed;

	__asm__ __volatile__("ldaxr %w0, [%2]\n\tstxr %w1, %w3, [%2]" : "=&r"(was), "=&r"(failed) : "r"(lock), "r"(1) : "memory");
	return !was && !failed;
#else
	return !__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE);
#endif
}

GOCARE_STATIC_ struct gocare_shadow_table *gocare_shadow_table_(void)
{
	struct gocare_shadow_table **root = gocare_shadow_anchor.root;
	struct gocare_shadow_table *table = __atomic_load_n(root, __ATOMIC_ACQUIRE), *there;

	if (table)
		return table;
	table = (struct gocare_shadow_table *)gocare_shadow_map_(sizeof(*table));
	if (!table)
		return table;
	there = gocare_shadow_put_(root, table);
	if (there != table)
		gocare_system_call_(GOCARE_MUNMAP_, (unsigned long)table, sizeof(*table), 0, 0);
	return there;
}

/* A thread that is stopped may have the lock while an action wants it: whoever waits too long goes without. */
GOCARE_STATIC_ int gocare_shadow_lock_(struct gocare_shadow_table *table)
{
	long n;

	for (n = 0; n < 1000000; n++) {
		if (gocare_shadow_try_(&table->lock))
			return 1;
		if (n > 1000)
			gocare_system_call_(GOCARE_SCHED_YIELD_, 0, 0, 0, 0);
	}
	return 0;
}

GOCARE_STATIC_ struct gocare_shadow_entry **gocare_shadow_bucket_(struct gocare_shadow_table *table, const void *object, unsigned long id)
{
	unsigned long hash = ((unsigned long)object >> 4 ^ id << 32 ^ id) * 0x9e3779b97f4a7c15ul;

	return &table->bucket[hash >> 32 & (GOCARE_SHADOW_BUCKETS_ - 1)];
}

GOCARE_STATIC_ struct gocare_shadow_entry *gocare_shadow_find_(struct gocare_shadow_entry **bucket, const void *object, unsigned long id)
{
	struct gocare_shadow_entry *e = __atomic_load_n(bucket, __ATOMIC_ACQUIRE);

	while (e && !(__atomic_load_n(&e->object, __ATOMIC_ACQUIRE) == object && e->id == id))
		e = e->next;
	return e;
}

/* A free entry of the bucket with room for a value, else a new one; with the lock held. */
GOCARE_STATIC_ struct gocare_shadow_entry *gocare_shadow_take_(struct gocare_shadow_table *table, struct gocare_shadow_entry **bucket, unsigned long size)
{
	unsigned long need = (sizeof(struct gocare_shadow_entry) + size + 15) & ~15ul;
	struct gocare_shadow_entry *e;

	for (e = *bucket; e; e = e->next)
		if (!e->object && e->size >= size)
			return e;
	if (need > table->left) {
		unsigned long chunk = need > GOCARE_SHADOW_CHUNK_ ? need : GOCARE_SHADOW_CHUNK_;
		char *more = (char *)gocare_shadow_map_(chunk);
		if (!more)
			return 0;
		table->chunk = more;
		table->left = chunk;
	}
	e = (struct gocare_shadow_entry *)table->chunk;
	table->chunk += need;
	table->left -= need;
	e->size = need - sizeof(*e);
	e->next = *bucket;
	__atomic_store_n(bucket, e, __ATOMIC_RELEASE);
	return e;
}

/* The value of an object, 0 if it has none. Its address stays. */
GOCARE_STATIC_ void *gocare_shadow_get(const void *object, unsigned long id)
{
	struct gocare_shadow_table *table = __atomic_load_n(gocare_shadow_anchor.root, __ATOMIC_ACQUIRE);
	struct gocare_shadow_entry *e = table ? gocare_shadow_find_(gocare_shadow_bucket_(table, object, id), object, id) : 0;

	return e ? (void *)(e + 1) : 0;
}

/* The value that an object has, else a new one of that size, zero at first; 0 if there is no memory, or the one it has is smaller. */
GOCARE_STATIC_ void *gocare_shadow_attach(const void *object, unsigned long id, unsigned long size)
{
	struct gocare_shadow_table *table;
	struct gocare_shadow_entry **bucket, *e;

	if (!object || size > ~0ul >> 2 || !(table = gocare_shadow_table_()))
		return 0;
	bucket = gocare_shadow_bucket_(table, object, id);
	e = gocare_shadow_find_(bucket, object, id);
	if (!e && !gocare_shadow_lock_(table))
		return 0;
	if (!e) {
		if (!(e = gocare_shadow_find_(bucket, object, id)) && (e = gocare_shadow_take_(table, bucket, size))) {
			volatile char *value = (volatile char *)(e + 1);
			unsigned long i;
			for (i = 0; i < e->size; i++)
				value[i] = 0;
			e->id = id;
			__atomic_store_n(&e->object, object, __ATOMIC_RELEASE);
		}
		__atomic_store_n(&table->lock, 0, __ATOMIC_RELEASE);
	}
	return e && e->size >= size ? (void *)(e + 1) : 0;
}

/* Forgets the value of an object: where the object is freed, since its address may be another one's then. */
GOCARE_STATIC_ void gocare_shadow_free(const void *object, unsigned long id)
{
	struct gocare_shadow_table *table = __atomic_load_n(gocare_shadow_anchor.root, __ATOMIC_ACQUIRE);
	struct gocare_shadow_entry *e;

	if (!table || !object || !(e = gocare_shadow_find_(gocare_shadow_bucket_(table, object, id), object, id)))
		return;
	__atomic_store_n(&e->object, (const void *)0, __ATOMIC_RELEASE);
}

#endif
