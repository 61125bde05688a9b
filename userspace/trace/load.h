/* SPDX-License-Identifier: BSD-2-Clause */
/* Loading a BPF object, and why the kernel does not take it. */
#ifndef PYBPFDBG_TRACE_LOAD_H
#define PYBPFDBG_TRACE_LOAD_H

struct bpf_object;
struct bpf_object_skeleton;
struct err;

/*
 * Load an opened skeleton's object. who begins the line: "pid 42: ", or "". libbpf prints nothing.
 * 0; -EPERM: BPF is not allowed; -ENOSYS: the kernel has none; -ENOMEM; -EOPNOTSUPP: the kernel refuses one of the programs: the line
 * names it and has what the verifier said last.
 */
int load_skeleton(struct bpf_object_skeleton *s, const char *who, struct err *err);

/* obj, opened and not yet loaded, uses the maps of `of`, which is loaded, for its own of the same names. 0 or -errno. */
int share_maps(struct bpf_object *obj, const struct bpf_object *of);

#endif
