"""Workers in a sandbox: what a task's code can reach of its machine, kept by the Linux kernel.

Namespaces take the rest of the machine out of its view, seccomp takes calls of the kernel, Landlock
does both once more where the kernel has it, and limits bound what it can take. See
``docs/concepts/sandbox.md`` and ADR 19.
"""
