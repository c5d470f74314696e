// The engine's memory: what a Swift runtime calls of malloc(3), from libc itself. The engine imports this for its
// symbols, which it keeps to itself.
//
// A program may bring an allocator of its own, of which glibc asks four functions only: blocks that the others make or
// measure would be freed by it all the same. Nor may the engine enter an allocator that a signal interrupted.
#ifndef CHEAP_H
#define CHEAP_H
#endif
