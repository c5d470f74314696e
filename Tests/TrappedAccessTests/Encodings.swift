/// Encodings to run, one a line: the bytes, then the instruction as an assembler writes it.
///
/// rbx, rbp, rsp, rsi, rdi, r12, r13, r14 and r8 point into the data (r8 0x1000 off one way or the
/// other), r9 is a small index, r10 a bit number, fs:r11 and gs:r9 reach the data too.
let encodingTable = """
  88 13 | movb %dl, (%rbx)
  8a 13 | movb (%rbx), %dl
  c6 03 5a | movb $0x5a, (%rbx)
  86 13 | xchgb %dl, (%rbx)
  0f c0 13 | xaddb %dl, (%rbx)
  f0 0f c0 13 | lock xaddb %dl, (%rbx)
  0f b0 13 | cmpxchgb %dl, (%rbx)
  f0 0f b0 13 | lock cmpxchgb %dl, (%rbx)
  00 13 | addb %dl, (%rbx)
  02 13 | addb (%rbx), %dl
  80 03 f9 | addb $-7, (%rbx)
  08 13 | orb %dl, (%rbx)
  0a 13 | orb (%rbx), %dl
  80 0b f9 | orb $-7, (%rbx)
  10 13 | adcb %dl, (%rbx)
  12 13 | adcb (%rbx), %dl
  80 13 f9 | adcb $-7, (%rbx)
  18 13 | sbbb %dl, (%rbx)
  1a 13 | sbbb (%rbx), %dl
  80 1b f9 | sbbb $-7, (%rbx)
  20 13 | andb %dl, (%rbx)
  22 13 | andb (%rbx), %dl
  80 23 f9 | andb $-7, (%rbx)
  28 13 | subb %dl, (%rbx)
  2a 13 | subb (%rbx), %dl
  80 2b f9 | subb $-7, (%rbx)
  30 13 | xorb %dl, (%rbx)
  32 13 | xorb (%rbx), %dl
  80 33 f9 | xorb $-7, (%rbx)
  38 13 | cmpb %dl, (%rbx)
  3a 13 | cmpb (%rbx), %dl
  80 3b f9 | cmpb $-7, (%rbx)
  84 13 | testb %dl, (%rbx)
  f6 03 5b | testb $0x5b, (%rbx)
  f6 13 | notb (%rbx)
  f6 1b | negb (%rbx)
  fe 03 | incb (%rbx)
  fe 0b | decb (%rbx)
  f6 23 | mulb (%rbx)
  f6 2b | imulb (%rbx)
  f6 33 | divb (%rbx)
  f6 3b | idivb (%rbx)
  f0 fe 03 | lock incb (%rbx)
  f0 08 13 | lock orb %dl, (%rbx)
  d0 03 | rolb (%rbx)
  c0 03 03 | rolb $3, (%rbx)
  c0 03 19 | rolb $25, (%rbx)
  d2 03 | rolb %cl, (%rbx)
  d0 0b | rorb (%rbx)
  c0 0b 03 | rorb $3, (%rbx)
  c0 0b 19 | rorb $25, (%rbx)
  d2 0b | rorb %cl, (%rbx)
  d0 13 | rclb (%rbx)
  c0 13 03 | rclb $3, (%rbx)
  c0 13 19 | rclb $25, (%rbx)
  d2 13 | rclb %cl, (%rbx)
  d0 1b | rcrb (%rbx)
  c0 1b 03 | rcrb $3, (%rbx)
  c0 1b 19 | rcrb $25, (%rbx)
  d2 1b | rcrb %cl, (%rbx)
  d0 23 | shlb (%rbx)
  c0 23 03 | shlb $3, (%rbx)
  c0 23 19 | shlb $25, (%rbx)
  d2 23 | shlb %cl, (%rbx)
  d0 2b | shrb (%rbx)
  c0 2b 03 | shrb $3, (%rbx)
  c0 2b 19 | shrb $25, (%rbx)
  d2 2b | shrb %cl, (%rbx)
  d0 3b | sarb (%rbx)
  c0 3b 03 | sarb $3, (%rbx)
  c0 3b 19 | sarb $25, (%rbx)
  d2 3b | sarb %cl, (%rbx)
  66 89 13 | movw %dx, (%rbx)
  66 8b 13 | movw (%rbx), %dx
  66 c7 03 5a 00 | movw $0x5a, (%rbx)
  66 87 13 | xchgw %dx, (%rbx)
  66 0f c1 13 | xaddw %dx, (%rbx)
  66 f0 0f c1 13 | lock xaddw %dx, (%rbx)
  66 0f b1 13 | cmpxchgw %dx, (%rbx)
  66 f0 0f b1 13 | lock cmpxchgw %dx, (%rbx)
  66 01 13 | addw %dx, (%rbx)
  66 03 13 | addw (%rbx), %dx
  66 83 03 f9 | addw $-7, (%rbx)
  66 81 03 34 12 | addw $0x1234, (%rbx)
  66 09 13 | orw %dx, (%rbx)
  66 0b 13 | orw (%rbx), %dx
  66 83 0b f9 | orw $-7, (%rbx)
  66 81 0b 34 12 | orw $0x1234, (%rbx)
  66 11 13 | adcw %dx, (%rbx)
  66 13 13 | adcw (%rbx), %dx
  66 83 13 f9 | adcw $-7, (%rbx)
  66 81 13 34 12 | adcw $0x1234, (%rbx)
  66 19 13 | sbbw %dx, (%rbx)
  66 1b 13 | sbbw (%rbx), %dx
  66 83 1b f9 | sbbw $-7, (%rbx)
  66 81 1b 34 12 | sbbw $0x1234, (%rbx)
  66 21 13 | andw %dx, (%rbx)
  66 23 13 | andw (%rbx), %dx
  66 83 23 f9 | andw $-7, (%rbx)
  66 81 23 34 12 | andw $0x1234, (%rbx)
  66 29 13 | subw %dx, (%rbx)
  66 2b 13 | subw (%rbx), %dx
  66 83 2b f9 | subw $-7, (%rbx)
  66 81 2b 34 12 | subw $0x1234, (%rbx)
  66 31 13 | xorw %dx, (%rbx)
  66 33 13 | xorw (%rbx), %dx
  66 83 33 f9 | xorw $-7, (%rbx)
  66 81 33 34 12 | xorw $0x1234, (%rbx)
  66 39 13 | cmpw %dx, (%rbx)
  66 3b 13 | cmpw (%rbx), %dx
  66 83 3b f9 | cmpw $-7, (%rbx)
  66 81 3b 34 12 | cmpw $0x1234, (%rbx)
  66 85 13 | testw %dx, (%rbx)
  66 f7 03 5b 00 | testw $0x5b, (%rbx)
  66 f7 13 | notw (%rbx)
  66 f7 1b | negw (%rbx)
  66 ff 03 | incw (%rbx)
  66 ff 0b | decw (%rbx)
  66 f7 23 | mulw (%rbx)
  66 f7 2b | imulw (%rbx)
  66 f7 33 | divw (%rbx)
  66 f7 3b | idivw (%rbx)
  66 f0 ff 03 | lock incw (%rbx)
  66 f0 09 13 | lock orw %dx, (%rbx)
  66 d1 03 | rolw (%rbx)
  66 c1 03 03 | rolw $3, (%rbx)
  66 c1 03 19 | rolw $25, (%rbx)
  66 d3 03 | rolw %cl, (%rbx)
  66 d1 0b | rorw (%rbx)
  66 c1 0b 03 | rorw $3, (%rbx)
  66 c1 0b 19 | rorw $25, (%rbx)
  66 d3 0b | rorw %cl, (%rbx)
  66 d1 13 | rclw (%rbx)
  66 c1 13 03 | rclw $3, (%rbx)
  66 c1 13 19 | rclw $25, (%rbx)
  66 d3 13 | rclw %cl, (%rbx)
  66 d1 1b | rcrw (%rbx)
  66 c1 1b 03 | rcrw $3, (%rbx)
  66 c1 1b 19 | rcrw $25, (%rbx)
  66 d3 1b | rcrw %cl, (%rbx)
  66 d1 23 | shlw (%rbx)
  66 c1 23 03 | shlw $3, (%rbx)
  66 c1 23 19 | shlw $25, (%rbx)
  66 d3 23 | shlw %cl, (%rbx)
  66 d1 2b | shrw (%rbx)
  66 c1 2b 03 | shrw $3, (%rbx)
  66 c1 2b 19 | shrw $25, (%rbx)
  66 d3 2b | shrw %cl, (%rbx)
  66 d1 3b | sarw (%rbx)
  66 c1 3b 03 | sarw $3, (%rbx)
  66 c1 3b 19 | sarw $25, (%rbx)
  66 d3 3b | sarw %cl, (%rbx)
  89 13 | movl %edx, (%rbx)
  8b 13 | movl (%rbx), %edx
  c7 03 5a 00 00 00 | movl $0x5a, (%rbx)
  87 13 | xchgl %edx, (%rbx)
  0f c1 13 | xaddl %edx, (%rbx)
  f0 0f c1 13 | lock xaddl %edx, (%rbx)
  0f b1 13 | cmpxchgl %edx, (%rbx)
  f0 0f b1 13 | lock cmpxchgl %edx, (%rbx)
  01 13 | addl %edx, (%rbx)
  03 13 | addl (%rbx), %edx
  83 03 f9 | addl $-7, (%rbx)
  81 03 34 12 00 00 | addl $0x1234, (%rbx)
  81 03 78 56 34 12 | addl $0x12345678, (%rbx)
  09 13 | orl %edx, (%rbx)
  0b 13 | orl (%rbx), %edx
  83 0b f9 | orl $-7, (%rbx)
  81 0b 34 12 00 00 | orl $0x1234, (%rbx)
  81 0b 78 56 34 12 | orl $0x12345678, (%rbx)
  11 13 | adcl %edx, (%rbx)
  13 13 | adcl (%rbx), %edx
  83 13 f9 | adcl $-7, (%rbx)
  81 13 34 12 00 00 | adcl $0x1234, (%rbx)
  81 13 78 56 34 12 | adcl $0x12345678, (%rbx)
  19 13 | sbbl %edx, (%rbx)
  1b 13 | sbbl (%rbx), %edx
  83 1b f9 | sbbl $-7, (%rbx)
  81 1b 34 12 00 00 | sbbl $0x1234, (%rbx)
  81 1b 78 56 34 12 | sbbl $0x12345678, (%rbx)
  21 13 | andl %edx, (%rbx)
  23 13 | andl (%rbx), %edx
  83 23 f9 | andl $-7, (%rbx)
  81 23 34 12 00 00 | andl $0x1234, (%rbx)
  81 23 78 56 34 12 | andl $0x12345678, (%rbx)
  29 13 | subl %edx, (%rbx)
  2b 13 | subl (%rbx), %edx
  83 2b f9 | subl $-7, (%rbx)
  81 2b 34 12 00 00 | subl $0x1234, (%rbx)
  81 2b 78 56 34 12 | subl $0x12345678, (%rbx)
  31 13 | xorl %edx, (%rbx)
  33 13 | xorl (%rbx), %edx
  83 33 f9 | xorl $-7, (%rbx)
  81 33 34 12 00 00 | xorl $0x1234, (%rbx)
  81 33 78 56 34 12 | xorl $0x12345678, (%rbx)
  39 13 | cmpl %edx, (%rbx)
  3b 13 | cmpl (%rbx), %edx
  83 3b f9 | cmpl $-7, (%rbx)
  81 3b 34 12 00 00 | cmpl $0x1234, (%rbx)
  81 3b 78 56 34 12 | cmpl $0x12345678, (%rbx)
  85 13 | testl %edx, (%rbx)
  f7 03 5b 00 00 00 | testl $0x5b, (%rbx)
  f7 13 | notl (%rbx)
  f7 1b | negl (%rbx)
  ff 03 | incl (%rbx)
  ff 0b | decl (%rbx)
  f7 23 | mull (%rbx)
  f7 2b | imull (%rbx)
  f7 33 | divl (%rbx)
  f7 3b | idivl (%rbx)
  f0 ff 03 | lock incl (%rbx)
  f0 09 13 | lock orl %edx, (%rbx)
  d1 03 | roll (%rbx)
  c1 03 03 | roll $3, (%rbx)
  c1 03 19 | roll $25, (%rbx)
  d3 03 | roll %cl, (%rbx)
  d1 0b | rorl (%rbx)
  c1 0b 03 | rorl $3, (%rbx)
  c1 0b 19 | rorl $25, (%rbx)
  d3 0b | rorl %cl, (%rbx)
  d1 13 | rcll (%rbx)
  c1 13 03 | rcll $3, (%rbx)
  c1 13 19 | rcll $25, (%rbx)
  d3 13 | rcll %cl, (%rbx)
  d1 1b | rcrl (%rbx)
  c1 1b 03 | rcrl $3, (%rbx)
  c1 1b 19 | rcrl $25, (%rbx)
  d3 1b | rcrl %cl, (%rbx)
  d1 23 | shll (%rbx)
  c1 23 03 | shll $3, (%rbx)
  c1 23 19 | shll $25, (%rbx)
  d3 23 | shll %cl, (%rbx)
  d1 2b | shrl (%rbx)
  c1 2b 03 | shrl $3, (%rbx)
  c1 2b 19 | shrl $25, (%rbx)
  d3 2b | shrl %cl, (%rbx)
  d1 3b | sarl (%rbx)
  c1 3b 03 | sarl $3, (%rbx)
  c1 3b 19 | sarl $25, (%rbx)
  d3 3b | sarl %cl, (%rbx)
  48 89 13 | movq %rdx, (%rbx)
  48 8b 13 | movq (%rbx), %rdx
  48 c7 03 5a 00 00 00 | movq $0x5a, (%rbx)
  48 87 13 | xchgq %rdx, (%rbx)
  48 0f c1 13 | xaddq %rdx, (%rbx)
  f0 48 0f c1 13 | lock xaddq %rdx, (%rbx)
  48 0f b1 13 | cmpxchgq %rdx, (%rbx)
  f0 48 0f b1 13 | lock cmpxchgq %rdx, (%rbx)
  48 01 13 | addq %rdx, (%rbx)
  48 03 13 | addq (%rbx), %rdx
  48 83 03 f9 | addq $-7, (%rbx)
  48 81 03 34 12 00 00 | addq $0x1234, (%rbx)
  48 81 03 78 56 34 12 | addq $0x12345678, (%rbx)
  48 09 13 | orq %rdx, (%rbx)
  48 0b 13 | orq (%rbx), %rdx
  48 83 0b f9 | orq $-7, (%rbx)
  48 81 0b 34 12 00 00 | orq $0x1234, (%rbx)
  48 81 0b 78 56 34 12 | orq $0x12345678, (%rbx)
  48 11 13 | adcq %rdx, (%rbx)
  48 13 13 | adcq (%rbx), %rdx
  48 83 13 f9 | adcq $-7, (%rbx)
  48 81 13 34 12 00 00 | adcq $0x1234, (%rbx)
  48 81 13 78 56 34 12 | adcq $0x12345678, (%rbx)
  48 19 13 | sbbq %rdx, (%rbx)
  48 1b 13 | sbbq (%rbx), %rdx
  48 83 1b f9 | sbbq $-7, (%rbx)
  48 81 1b 34 12 00 00 | sbbq $0x1234, (%rbx)
  48 81 1b 78 56 34 12 | sbbq $0x12345678, (%rbx)
  48 21 13 | andq %rdx, (%rbx)
  48 23 13 | andq (%rbx), %rdx
  48 83 23 f9 | andq $-7, (%rbx)
  48 81 23 34 12 00 00 | andq $0x1234, (%rbx)
  48 81 23 78 56 34 12 | andq $0x12345678, (%rbx)
  48 29 13 | subq %rdx, (%rbx)
  48 2b 13 | subq (%rbx), %rdx
  48 83 2b f9 | subq $-7, (%rbx)
  48 81 2b 34 12 00 00 | subq $0x1234, (%rbx)
  48 81 2b 78 56 34 12 | subq $0x12345678, (%rbx)
  48 31 13 | xorq %rdx, (%rbx)
  48 33 13 | xorq (%rbx), %rdx
  48 83 33 f9 | xorq $-7, (%rbx)
  48 81 33 34 12 00 00 | xorq $0x1234, (%rbx)
  48 81 33 78 56 34 12 | xorq $0x12345678, (%rbx)
  48 39 13 | cmpq %rdx, (%rbx)
  48 3b 13 | cmpq (%rbx), %rdx
  48 83 3b f9 | cmpq $-7, (%rbx)
  48 81 3b 34 12 00 00 | cmpq $0x1234, (%rbx)
  48 81 3b 78 56 34 12 | cmpq $0x12345678, (%rbx)
  48 85 13 | testq %rdx, (%rbx)
  48 f7 03 5b 00 00 00 | testq $0x5b, (%rbx)
  48 f7 13 | notq (%rbx)
  48 f7 1b | negq (%rbx)
  48 ff 03 | incq (%rbx)
  48 ff 0b | decq (%rbx)
  48 f7 23 | mulq (%rbx)
  48 f7 2b | imulq (%rbx)
  48 f7 33 | divq (%rbx)
  48 f7 3b | idivq (%rbx)
  f0 48 ff 03 | lock incq (%rbx)
  f0 48 09 13 | lock orq %rdx, (%rbx)
  48 d1 03 | rolq (%rbx)
  48 c1 03 03 | rolq $3, (%rbx)
  48 c1 03 19 | rolq $25, (%rbx)
  48 d3 03 | rolq %cl, (%rbx)
  48 d1 0b | rorq (%rbx)
  48 c1 0b 03 | rorq $3, (%rbx)
  48 c1 0b 19 | rorq $25, (%rbx)
  48 d3 0b | rorq %cl, (%rbx)
  48 d1 13 | rclq (%rbx)
  48 c1 13 03 | rclq $3, (%rbx)
  48 c1 13 19 | rclq $25, (%rbx)
  48 d3 13 | rclq %cl, (%rbx)
  48 d1 1b | rcrq (%rbx)
  48 c1 1b 03 | rcrq $3, (%rbx)
  48 c1 1b 19 | rcrq $25, (%rbx)
  48 d3 1b | rcrq %cl, (%rbx)
  48 d1 23 | shlq (%rbx)
  48 c1 23 03 | shlq $3, (%rbx)
  48 c1 23 19 | shlq $25, (%rbx)
  48 d3 23 | shlq %cl, (%rbx)
  48 d1 2b | shrq (%rbx)
  48 c1 2b 03 | shrq $3, (%rbx)
  48 c1 2b 19 | shrq $25, (%rbx)
  48 d3 2b | shrq %cl, (%rbx)
  48 d1 3b | sarq (%rbx)
  48 c1 3b 03 | sarq $3, (%rbx)
  48 c1 3b 19 | sarq $25, (%rbx)
  48 d3 3b | sarq %cl, (%rbx)
  88 23 | mov %ah, (%rbx)
  8a 3b | mov (%rbx), %bh
  40 88 33 | mov %sil, (%rbx)
  44 8a 0b | mov (%rbx), %r9b
  00 2b | add %ch, (%rbx)
  02 33 | add (%rbx), %dh
  86 23 | xchg %ah, (%rbx)
  66 0f af 13 | imulw (%rbx), %dx
  66 6b 13 f9 | imulw $-7, (%rbx), %dx
  66 69 13 34 12 | imulw $0x1234, (%rbx), %dx
  66 44 0f a3 13 | btw %r10w, (%rbx)
  66 0f ba 23 0d | btw $13, (%rbx)
  66 44 0f ab 13 | btsw %r10w, (%rbx)
  66 0f ba 2b 0d | btsw $13, (%rbx)
  66 44 0f b3 13 | btrw %r10w, (%rbx)
  66 0f ba 33 0d | btrw $13, (%rbx)
  66 44 0f bb 13 | btcw %r10w, (%rbx)
  66 0f ba 3b 0d | btcw $13, (%rbx)
  66 0f 38 f1 13 | movbe %dx, (%rbx)
  66 0f 38 f0 13 | movbe (%rbx), %dx
  66 0f a4 13 05 | shldw $5, %dx, (%rbx)
  66 0f ac 13 05 | shrdw $5, %dx, (%rbx)
  0f af 13 | imull (%rbx), %edx
  6b 13 f9 | imull $-7, (%rbx), %edx
  69 13 34 12 00 00 | imull $0x1234, (%rbx), %edx
  44 0f a3 13 | btl %r10d, (%rbx)
  0f ba 23 0d | btl $13, (%rbx)
  44 0f ab 13 | btsl %r10d, (%rbx)
  0f ba 2b 0d | btsl $13, (%rbx)
  44 0f b3 13 | btrl %r10d, (%rbx)
  0f ba 33 0d | btrl $13, (%rbx)
  44 0f bb 13 | btcl %r10d, (%rbx)
  0f ba 3b 0d | btcl $13, (%rbx)
  0f 38 f1 13 | movbe %edx, (%rbx)
  0f 38 f0 13 | movbe (%rbx), %edx
  0f a4 13 05 | shldl $5, %edx, (%rbx)
  0f ac 13 05 | shrdl $5, %edx, (%rbx)
  0f a5 13 | shldl %cl, %edx, (%rbx)
  0f ad 13 | shrdl %cl, %edx, (%rbx)
  0f c3 13 | movnti %edx, (%rbx)
  48 0f af 13 | imulq (%rbx), %rdx
  48 6b 13 f9 | imulq $-7, (%rbx), %rdx
  48 69 13 34 12 00 00 | imulq $0x1234, (%rbx), %rdx
  4c 0f a3 13 | btq %r10, (%rbx)
  48 0f ba 23 0d | btq $13, (%rbx)
  4c 0f ab 13 | btsq %r10, (%rbx)
  48 0f ba 2b 0d | btsq $13, (%rbx)
  4c 0f b3 13 | btrq %r10, (%rbx)
  48 0f ba 33 0d | btrq $13, (%rbx)
  4c 0f bb 13 | btcq %r10, (%rbx)
  48 0f ba 3b 0d | btcq $13, (%rbx)
  48 0f 38 f1 13 | movbe %rdx, (%rbx)
  48 0f 38 f0 13 | movbe (%rbx), %rdx
  48 0f a4 13 05 | shldq $5, %rdx, (%rbx)
  48 0f ac 13 05 | shrdq $5, %rdx, (%rbx)
  48 0f a5 13 | shldq %cl, %rdx, (%rbx)
  48 0f ad 13 | shrdq %cl, %rdx, (%rbx)
  48 0f c3 13 | movnti %rdx, (%rbx)
  66 0f b6 13 | movzbw (%rbx), %dx
  66 0f be 13 | movsbw (%rbx), %dx
  0f b6 13 | movzbl (%rbx), %edx
  0f be 13 | movsbl (%rbx), %edx
  0f b7 13 | movzwl (%rbx), %edx
  0f bf 13 | movswl (%rbx), %edx
  48 0f b6 13 | movzbq (%rbx), %rdx
  48 0f be 13 | movsbq (%rbx), %rdx
  48 0f b7 13 | movzwq (%rbx), %rdx
  48 0f bf 13 | movswq (%rbx), %rdx
  48 63 13 | movslq (%rbx), %rdx
  4c 63 1b | movslq (%rbx), %r11
  44 0f b6 3b | movzbl (%rbx), %r15d
  0f 90 03 | seto (%rbx)
  48 0f 40 13 | cmovoq (%rbx), %rdx
  0f 40 13 | cmovol (%rbx), %edx
  66 0f 40 13 | cmovow (%rbx), %dx
  0f 91 03 | setno (%rbx)
  48 0f 41 13 | cmovnoq (%rbx), %rdx
  0f 41 13 | cmovnol (%rbx), %edx
  66 0f 41 13 | cmovnow (%rbx), %dx
  0f 92 03 | setb (%rbx)
  48 0f 42 13 | cmovbq (%rbx), %rdx
  0f 42 13 | cmovbl (%rbx), %edx
  66 0f 42 13 | cmovbw (%rbx), %dx
  0f 93 03 | setae (%rbx)
  48 0f 43 13 | cmovaeq (%rbx), %rdx
  0f 43 13 | cmovael (%rbx), %edx
  66 0f 43 13 | cmovaew (%rbx), %dx
  0f 94 03 | sete (%rbx)
  48 0f 44 13 | cmoveq (%rbx), %rdx
  0f 44 13 | cmovel (%rbx), %edx
  66 0f 44 13 | cmovew (%rbx), %dx
  0f 95 03 | setne (%rbx)
  48 0f 45 13 | cmovneq (%rbx), %rdx
  0f 45 13 | cmovnel (%rbx), %edx
  66 0f 45 13 | cmovnew (%rbx), %dx
  0f 96 03 | setbe (%rbx)
  48 0f 46 13 | cmovbeq (%rbx), %rdx
  0f 46 13 | cmovbel (%rbx), %edx
  66 0f 46 13 | cmovbew (%rbx), %dx
  0f 97 03 | seta (%rbx)
  48 0f 47 13 | cmovaq (%rbx), %rdx
  0f 47 13 | cmoval (%rbx), %edx
  66 0f 47 13 | cmovaw (%rbx), %dx
  0f 98 03 | sets (%rbx)
  48 0f 48 13 | cmovsq (%rbx), %rdx
  0f 48 13 | cmovsl (%rbx), %edx
  66 0f 48 13 | cmovsw (%rbx), %dx
  0f 99 03 | setns (%rbx)
  48 0f 49 13 | cmovnsq (%rbx), %rdx
  0f 49 13 | cmovnsl (%rbx), %edx
  66 0f 49 13 | cmovnsw (%rbx), %dx
  0f 9a 03 | setp (%rbx)
  48 0f 4a 13 | cmovpq (%rbx), %rdx
  0f 4a 13 | cmovpl (%rbx), %edx
  66 0f 4a 13 | cmovpw (%rbx), %dx
  0f 9b 03 | setnp (%rbx)
  48 0f 4b 13 | cmovnpq (%rbx), %rdx
  0f 4b 13 | cmovnpl (%rbx), %edx
  66 0f 4b 13 | cmovnpw (%rbx), %dx
  0f 9c 03 | setl (%rbx)
  48 0f 4c 13 | cmovlq (%rbx), %rdx
  0f 4c 13 | cmovll (%rbx), %edx
  66 0f 4c 13 | cmovlw (%rbx), %dx
  0f 9d 03 | setge (%rbx)
  48 0f 4d 13 | cmovgeq (%rbx), %rdx
  0f 4d 13 | cmovgel (%rbx), %edx
  66 0f 4d 13 | cmovgew (%rbx), %dx
  0f 9e 03 | setle (%rbx)
  48 0f 4e 13 | cmovleq (%rbx), %rdx
  0f 4e 13 | cmovlel (%rbx), %edx
  66 0f 4e 13 | cmovlew (%rbx), %dx
  0f 9f 03 | setg (%rbx)
  48 0f 4f 13 | cmovgq (%rbx), %rdx
  0f 4f 13 | cmovgl (%rbx), %edx
  66 0f 4f 13 | cmovgw (%rbx), %dx
  0f c7 0b | cmpxchg8b (%rbx)
  f0 0f c7 0b | lock cmpxchg8b (%rbx)
  48 0f c7 0b | cmpxchg16b (%rbx)
  f0 48 0f c7 0b | lock cmpxchg16b (%rbx)
  48 89 45 00 | mov %rax, (%rbp)
  8b 7d 00 | mov (%rbp), %edi
  c6 45 00 11 | movb $0x11, (%rbp)
  c7 45 00 78 56 34 12 | movl $0x12345678, (%rbp)
  66 c7 45 00 34 12 | movw $0x1234, (%rbp)
  48 81 45 00 00 01 00 00 | addq $0x100, (%rbp)
  0f 10 4d 00 | movups (%rbp), %xmm1
  c5 fe 6f 4d 00 | vmovdqu (%rbp), %ymm1
  62 e1 fe 48 6f 4d 00 | vmovdqu64 (%rbp), %zmm17
  48 89 04 24 | mov %rax, (%rsp)
  8b 3c 24 | mov (%rsp), %edi
  c6 04 24 11 | movb $0x11, (%rsp)
  c7 04 24 78 56 34 12 | movl $0x12345678, (%rsp)
  66 c7 04 24 34 12 | movw $0x1234, (%rsp)
  48 81 04 24 00 01 00 00 | addq $0x100, (%rsp)
  0f 10 0c 24 | movups (%rsp), %xmm1
  c5 fe 6f 0c 24 | vmovdqu (%rsp), %ymm1
  62 e1 fe 48 6f 0c 24 | vmovdqu64 (%rsp), %zmm17
  49 89 04 24 | mov %rax, (%r12)
  41 8b 3c 24 | mov (%r12), %edi
  41 c6 04 24 11 | movb $0x11, (%r12)
  41 c7 04 24 78 56 34 12 | movl $0x12345678, (%r12)
  66 41 c7 04 24 34 12 | movw $0x1234, (%r12)
  49 81 04 24 00 01 00 00 | addq $0x100, (%r12)
  41 0f 10 0c 24 | movups (%r12), %xmm1
  c4 c1 7e 6f 0c 24 | vmovdqu (%r12), %ymm1
  62 c1 fe 48 6f 0c 24 | vmovdqu64 (%r12), %zmm17
  49 89 45 00 | mov %rax, (%r13)
  41 8b 7d 00 | mov (%r13), %edi
  41 c6 45 00 11 | movb $0x11, (%r13)
  41 c7 45 00 78 56 34 12 | movl $0x12345678, (%r13)
  66 41 c7 45 00 34 12 | movw $0x1234, (%r13)
  49 81 45 00 00 01 00 00 | addq $0x100, (%r13)
  41 0f 10 4d 00 | movups (%r13), %xmm1
  c4 c1 7e 6f 4d 00 | vmovdqu (%r13), %ymm1
  62 c1 fe 48 6f 4d 00 | vmovdqu64 (%r13), %zmm17
  48 89 43 10 | mov %rax, 0x10(%rbx)
  8b 7b 10 | mov 0x10(%rbx), %edi
  c6 43 10 11 | movb $0x11, 0x10(%rbx)
  c7 43 10 78 56 34 12 | movl $0x12345678, 0x10(%rbx)
  66 c7 43 10 34 12 | movw $0x1234, 0x10(%rbx)
  48 81 43 10 00 01 00 00 | addq $0x100, 0x10(%rbx)
  0f 10 4b 10 | movups 0x10(%rbx), %xmm1
  c5 fe 6f 4b 10 | vmovdqu 0x10(%rbx), %ymm1
  62 e1 fe 48 6f 8b 10 00 00 00 | vmovdqu64 0x10(%rbx), %zmm17
  48 89 43 80 | mov %rax, -0x80(%rbx)
  8b 7b 80 | mov -0x80(%rbx), %edi
  c6 43 80 11 | movb $0x11, -0x80(%rbx)
  c7 43 80 78 56 34 12 | movl $0x12345678, -0x80(%rbx)
  66 c7 43 80 34 12 | movw $0x1234, -0x80(%rbx)
  48 81 43 80 00 01 00 00 | addq $0x100, -0x80(%rbx)
  0f 10 4b 80 | movups -0x80(%rbx), %xmm1
  c5 fe 6f 4b 80 | vmovdqu -0x80(%rbx), %ymm1
  62 e1 fe 48 6f 4b fe | vmovdqu64 -0x80(%rbx), %zmm17
  49 89 80 34 12 00 00 | mov %rax, 0x1234(%r8)
  41 8b b8 34 12 00 00 | mov 0x1234(%r8), %edi
  41 c6 80 34 12 00 00 11 | movb $0x11, 0x1234(%r8)
  41 c7 80 34 12 00 00 78 56 34 12 | movl $0x12345678, 0x1234(%r8)
  66 41 c7 80 34 12 00 00 34 12 | movw $0x1234, 0x1234(%r8)
  49 81 80 34 12 00 00 00 01 00 00 | addq $0x100, 0x1234(%r8)
  41 0f 10 88 34 12 00 00 | movups 0x1234(%r8), %xmm1
  c4 c1 7e 6f 88 34 12 00 00 | vmovdqu 0x1234(%r8), %ymm1
  62 c1 fe 48 6f 88 34 12 00 00 | vmovdqu64 0x1234(%r8), %zmm17
  49 89 80 00 f0 ff ff | mov %rax, -0x1000(%r8)
  41 8b b8 00 f0 ff ff | mov -0x1000(%r8), %edi
  41 c6 80 00 f0 ff ff 11 | movb $0x11, -0x1000(%r8)
  41 c7 80 00 f0 ff ff 78 56 34 12 | movl $0x12345678, -0x1000(%r8)
  66 41 c7 80 00 f0 ff ff 34 12 | movw $0x1234, -0x1000(%r8)
  49 81 80 00 f0 ff ff 00 01 00 00 | addq $0x100, -0x1000(%r8)
  41 0f 10 88 00 f0 ff ff | movups -0x1000(%r8), %xmm1
  c4 c1 7e 6f 88 00 f0 ff ff | vmovdqu -0x1000(%r8), %ymm1
  62 c1 fe 48 6f 48 c0 | vmovdqu64 -0x1000(%r8), %zmm17
  4a 89 04 0b | mov %rax, (%rbx,%r9)
  42 8b 3c 0b | mov (%rbx,%r9), %edi
  42 c6 04 0b 11 | movb $0x11, (%rbx,%r9)
  42 c7 04 0b 78 56 34 12 | movl $0x12345678, (%rbx,%r9)
  66 42 c7 04 0b 34 12 | movw $0x1234, (%rbx,%r9)
  4a 81 04 0b 00 01 00 00 | addq $0x100, (%rbx,%r9)
  42 0f 10 0c 0b | movups (%rbx,%r9), %xmm1
  c4 a1 7e 6f 0c 0b | vmovdqu (%rbx,%r9), %ymm1
  62 a1 fe 48 6f 0c 0b | vmovdqu64 (%rbx,%r9), %zmm17
  4a 89 04 4b | mov %rax, (%rbx,%r9,2)
  42 8b 3c 4b | mov (%rbx,%r9,2), %edi
  42 c6 04 4b 11 | movb $0x11, (%rbx,%r9,2)
  42 c7 04 4b 78 56 34 12 | movl $0x12345678, (%rbx,%r9,2)
  66 42 c7 04 4b 34 12 | movw $0x1234, (%rbx,%r9,2)
  4a 81 04 4b 00 01 00 00 | addq $0x100, (%rbx,%r9,2)
  42 0f 10 0c 4b | movups (%rbx,%r9,2), %xmm1
  c4 a1 7e 6f 0c 4b | vmovdqu (%rbx,%r9,2), %ymm1
  62 a1 fe 48 6f 0c 4b | vmovdqu64 (%rbx,%r9,2), %zmm17
  4a 89 04 8b | mov %rax, (%rbx,%r9,4)
  42 8b 3c 8b | mov (%rbx,%r9,4), %edi
  42 c6 04 8b 11 | movb $0x11, (%rbx,%r9,4)
  42 c7 04 8b 78 56 34 12 | movl $0x12345678, (%rbx,%r9,4)
  66 42 c7 04 8b 34 12 | movw $0x1234, (%rbx,%r9,4)
  4a 81 04 8b 00 01 00 00 | addq $0x100, (%rbx,%r9,4)
  42 0f 10 0c 8b | movups (%rbx,%r9,4), %xmm1
  c4 a1 7e 6f 0c 8b | vmovdqu (%rbx,%r9,4), %ymm1
  62 a1 fe 48 6f 0c 8b | vmovdqu64 (%rbx,%r9,4), %zmm17
  4b 89 44 cc 08 | mov %rax, 8(%r12,%r9,8)
  43 8b 7c cc 08 | mov 8(%r12,%r9,8), %edi
  43 c6 44 cc 08 11 | movb $0x11, 8(%r12,%r9,8)
  43 c7 44 cc 08 78 56 34 12 | movl $0x12345678, 8(%r12,%r9,8)
  66 43 c7 44 cc 08 34 12 | movw $0x1234, 8(%r12,%r9,8)
  4b 81 44 cc 08 00 01 00 00 | addq $0x100, 8(%r12,%r9,8)
  43 0f 10 4c cc 08 | movups 8(%r12,%r9,8), %xmm1
  c4 81 7e 6f 4c cc 08 | vmovdqu 8(%r12,%r9,8), %ymm1
  62 81 fe 48 6f 8c cc 08 00 00 00 | vmovdqu64 8(%r12,%r9,8), %zmm17
  4a 89 44 0d 00 | mov %rax, (%rbp,%r9)
  42 8b 7c 0d 00 | mov (%rbp,%r9), %edi
  42 c6 44 0d 00 11 | movb $0x11, (%rbp,%r9)
  42 c7 44 0d 00 78 56 34 12 | movl $0x12345678, (%rbp,%r9)
  66 42 c7 44 0d 00 34 12 | movw $0x1234, (%rbp,%r9)
  4a 81 44 0d 00 00 01 00 00 | addq $0x100, (%rbp,%r9)
  42 0f 10 4c 0d 00 | movups (%rbp,%r9), %xmm1
  c4 a1 7e 6f 4c 0d 00 | vmovdqu (%rbp,%r9), %ymm1
  62 a1 fe 48 6f 4c 0d 00 | vmovdqu64 (%rbp,%r9), %zmm17
  4a 89 44 8d 7f | mov %rax, 0x7f(%rbp,%r9,4)
  42 8b 7c 8d 7f | mov 0x7f(%rbp,%r9,4), %edi
  42 c6 44 8d 7f 11 | movb $0x11, 0x7f(%rbp,%r9,4)
  42 c7 44 8d 7f 78 56 34 12 | movl $0x12345678, 0x7f(%rbp,%r9,4)
  66 42 c7 44 8d 7f 34 12 | movw $0x1234, 0x7f(%rbp,%r9,4)
  4a 81 44 8d 7f 00 01 00 00 | addq $0x100, 0x7f(%rbp,%r9,4)
  42 0f 10 4c 8d 7f | movups 0x7f(%rbp,%r9,4), %xmm1
  c4 a1 7e 6f 4c 8d 7f | vmovdqu 0x7f(%rbp,%r9,4), %ymm1
  62 a1 fe 48 6f 8c 8d 7f 00 00 00 | vmovdqu64 0x7f(%rbp,%r9,4), %zmm17
  4b 89 44 cd 00 | mov %rax, (%r13,%r9,8)
  43 8b 7c cd 00 | mov (%r13,%r9,8), %edi
  43 c6 44 cd 00 11 | movb $0x11, (%r13,%r9,8)
  43 c7 44 cd 00 78 56 34 12 | movl $0x12345678, (%r13,%r9,8)
  66 43 c7 44 cd 00 34 12 | movw $0x1234, (%r13,%r9,8)
  4b 81 44 cd 00 00 01 00 00 | addq $0x100, (%r13,%r9,8)
  43 0f 10 4c cd 00 | movups (%r13,%r9,8), %xmm1
  c4 81 7e 6f 4c cd 00 | vmovdqu (%r13,%r9,8), %ymm1
  62 81 fe 48 6f 4c cd 00 | vmovdqu64 (%r13,%r9,8), %zmm17
  48 89 04 25 10 38 00 10 | mov %rax, 0x10003810
  8b 3c 25 10 38 00 10 | mov 0x10003810, %edi
  c6 04 25 10 38 00 10 11 | movb $0x11, 0x10003810
  c7 04 25 10 38 00 10 78 56 34 12 | movl $0x12345678, 0x10003810
  66 c7 04 25 10 38 00 10 34 12 | movw $0x1234, 0x10003810
  48 81 04 25 10 38 00 10 00 01 00 00 | addq $0x100, 0x10003810
  0f 10 0c 25 10 38 00 10 | movups 0x10003810, %xmm1
  c5 fe 6f 0c 25 10 38 00 10 | vmovdqu 0x10003810, %ymm1
  62 e1 fe 48 6f 0c 25 10 38 00 10 | vmovdqu64 0x10003810, %zmm17
  4a 89 04 8d 00 38 00 10 | mov %rax, 0x10003800(,%r9,4)
  42 8b 3c 8d 00 38 00 10 | mov 0x10003800(,%r9,4), %edi
  42 c6 04 8d 00 38 00 10 11 | movb $0x11, 0x10003800(,%r9,4)
  42 c7 04 8d 00 38 00 10 78 56 34 12 | movl $0x12345678, 0x10003800(,%r9,4)
  66 42 c7 04 8d 00 38 00 10 34 12 | movw $0x1234, 0x10003800(,%r9,4)
  4a 81 04 8d 00 38 00 10 00 01 00 00 | addq $0x100, 0x10003800(,%r9,4)
  42 0f 10 0c 8d 00 38 00 10 | movups 0x10003800(,%r9,4), %xmm1
  c4 a1 7e 6f 0c 8d 00 38 00 10 | vmovdqu 0x10003800(,%r9,4), %ymm1
  62 a1 fe 48 6f 0c 8d 00 38 00 10 | vmovdqu64 0x10003800(,%r9,4), %zmm17
  48 89 05 00 30 00 00 | mov %rax, 0x3000(%rip)
  8b 3d 00 30 00 00 | mov 0x3000(%rip), %edi
  c6 05 00 30 00 00 11 | movb $0x11, 0x3000(%rip)
  c7 05 00 30 00 00 78 56 34 12 | movl $0x12345678, 0x3000(%rip)
  66 c7 05 00 30 00 00 34 12 | movw $0x1234, 0x3000(%rip)
  48 81 05 00 30 00 00 00 01 00 00 | addq $0x100, 0x3000(%rip)
  0f 10 0d 00 30 00 00 | movups 0x3000(%rip), %xmm1
  c5 fe 6f 0d 00 30 00 00 | vmovdqu 0x3000(%rip), %ymm1
  62 e1 fe 48 6f 0d 00 30 00 00 | vmovdqu64 0x3000(%rip), %zmm17
  48 89 44 24 40 | mov %rax, 0x40(%rsp)
  8b 7c 24 40 | mov 0x40(%rsp), %edi
  c6 44 24 40 11 | movb $0x11, 0x40(%rsp)
  c7 44 24 40 78 56 34 12 | movl $0x12345678, 0x40(%rsp)
  66 c7 44 24 40 34 12 | movw $0x1234, 0x40(%rsp)
  48 81 44 24 40 00 01 00 00 | addq $0x100, 0x40(%rsp)
  0f 10 4c 24 40 | movups 0x40(%rsp), %xmm1
  c5 fe 6f 4c 24 40 | vmovdqu 0x40(%rsp), %ymm1
  62 e1 fe 48 6f 4c 24 01 | vmovdqu64 0x40(%rsp), %zmm17
  4a 89 44 4c 40 | mov %rax, 0x40(%rsp,%r9,2)
  42 8b 7c 4c 40 | mov 0x40(%rsp,%r9,2), %edi
  42 c6 44 4c 40 11 | movb $0x11, 0x40(%rsp,%r9,2)
  42 c7 44 4c 40 78 56 34 12 | movl $0x12345678, 0x40(%rsp,%r9,2)
  66 42 c7 44 4c 40 34 12 | movw $0x1234, 0x40(%rsp,%r9,2)
  4a 81 44 4c 40 00 01 00 00 | addq $0x100, 0x40(%rsp,%r9,2)
  42 0f 10 4c 4c 40 | movups 0x40(%rsp,%r9,2), %xmm1
  c4 a1 7e 6f 4c 4c 40 | vmovdqu 0x40(%rsp,%r9,2), %ymm1
  62 a1 fe 48 6f 4c 4c 01 | vmovdqu64 0x40(%rsp,%r9,2), %zmm17
  67 48 89 03 | mov %rax, (%ebx)
  67 8b 3b | mov (%ebx), %edi
  67 c6 03 11 | movb $0x11, (%ebx)
  67 c7 03 78 56 34 12 | movl $0x12345678, (%ebx)
  67 66 c7 03 34 12 | movw $0x1234, (%ebx)
  67 48 81 03 00 01 00 00 | addq $0x100, (%ebx)
  67 0f 10 0b | movups (%ebx), %xmm1
  67 c5 fe 6f 0b | vmovdqu (%ebx), %ymm1
  67 4a 89 44 8b 04 | mov %rax, 4(%ebx,%r9d,4)
  67 42 8b 7c 8b 04 | mov 4(%ebx,%r9d,4), %edi
  67 42 c6 44 8b 04 11 | movb $0x11, 4(%ebx,%r9d,4)
  67 42 c7 44 8b 04 78 56 34 12 | movl $0x12345678, 4(%ebx,%r9d,4)
  67 66 42 c7 44 8b 04 34 12 | movw $0x1234, 4(%ebx,%r9d,4)
  67 4a 81 44 8b 04 00 01 00 00 | addq $0x100, 4(%ebx,%r9d,4)
  67 42 0f 10 4c 8b 04 | movups 4(%ebx,%r9d,4), %xmm1
  67 c4 a1 7e 6f 4c 8b 04 | vmovdqu 4(%ebx,%r9d,4), %ymm1
  67 48 89 05 00 31 00 00 | mov %rax, 0x3100(%eip)
  67 8b 3d 00 31 00 00 | mov 0x3100(%eip), %edi
  67 c6 05 00 31 00 00 11 | movb $0x11, 0x3100(%eip)
  67 c7 05 00 31 00 00 78 56 34 12 | movl $0x12345678, 0x3100(%eip)
  67 66 c7 05 00 31 00 00 34 12 | movw $0x1234, 0x3100(%eip)
  67 48 81 05 00 31 00 00 00 01 00 00 | addq $0x100, 0x3100(%eip)
  67 0f 10 0d 00 31 00 00 | movups 0x3100(%eip), %xmm1
  67 c5 fe 6f 0d 00 31 00 00 | vmovdqu 0x3100(%eip), %ymm1
  49 89 86 00 02 00 00 | mov %rax, 0x200(%r14)
  41 8b be 00 02 00 00 | mov 0x200(%r14), %edi
  41 c6 86 00 02 00 00 11 | movb $0x11, 0x200(%r14)
  41 c7 86 00 02 00 00 78 56 34 12 | movl $0x12345678, 0x200(%r14)
  66 41 c7 86 00 02 00 00 34 12 | movw $0x1234, 0x200(%r14)
  49 81 86 00 02 00 00 00 01 00 00 | addq $0x100, 0x200(%r14)
  41 0f 10 8e 00 02 00 00 | movups 0x200(%r14), %xmm1
  c4 c1 7e 6f 8e 00 02 00 00 | vmovdqu 0x200(%r14), %ymm1
  62 c1 fe 48 6f 4e 08 | vmovdqu64 0x200(%r14), %zmm17
  65 48 89 04 25 00 38 00 10 | mov %rax, %gs:0x10003800
  65 48 8b 03 | mov %gs:(%rbx), %rax
  65 41 89 01 | mov %eax, %gs:(%r9)
  64 49 89 03 | mov %rax, %fs:(%r11)
  64 41 8b 43 08 | mov %fs:8(%r11), %eax
  48 89 03 | mov %rax, %ds:(%rbx)
  48 a3 20 38 00 10 00 00 00 00 | movabs %rax,0x10003820
  48 a1 20 38 00 10 00 00 00 00 | movabs 0x10003820,%rax
  a2 20 38 00 10 00 00 00 00 | movabs %al,0x10003820
  a0 20 38 00 10 00 00 00 00 | movabs 0x10003820,%al
  66 a1 20 38 00 10 00 00 00 00 | movabs 0x10003820,%ax
  67 a3 20 38 00 10 | addr32 mov %eax,0x10003820
  ff 33 | pushq (%rbx)
  66 ff 33 | pushw (%rbx)
  8f 03 | popq (%rbx)
  66 8f 03 | popw (%rbx)
  8f 44 24 08 | popq 8(%rsp)
  ff 74 24 08 | pushq 8(%rsp)
  41 8f 44 24 40 | popq 0x40(%r12)
  a4 | movsb
  f3 a4 | rep movsb
  aa | stosb
  f3 aa | rep stosb
  ac | lodsb
  f3 ac | rep lodsb
  a6 | cmpsb
  f3 a6 | repe cmpsb
  f2 a6 | repne cmpsb
  ae | scasb
  f3 ae | repe scasb
  f2 ae | repne scasb
  66 a5 | movsw
  66 f3 a5 | rep movsw
  66 ab | stosw
  66 f3 ab | rep stosw
  66 ad | lodsw
  66 f3 ad | rep lodsw
  66 a7 | cmpsw
  66 f3 a7 | repe cmpsw
  66 f2 a7 | repne cmpsw
  66 af | scasw
  66 f3 af | repe scasw
  66 f2 af | repne scasw
  a5 | movsl
  f3 a5 | rep movsl
  ab | stosl
  f3 ab | rep stosl
  ad | lodsl
  f3 ad | rep lodsl
  a7 | cmpsl
  f3 a7 | repe cmpsl
  f2 a7 | repne cmpsl
  af | scasl
  f3 af | repe scasl
  f2 af | repne scasl
  48 a5 | movsq
  f3 48 a5 | rep movsq
  48 ab | stosq
  f3 48 ab | rep stosq
  48 ad | lodsq
  f3 48 ad | rep lodsq
  48 a7 | cmpsq
  f3 48 a7 | repe cmpsq
  f2 48 a7 | repne cmpsq
  48 af | scasq
  f3 48 af | repe scasq
  f2 48 af | repne scasq
  67 f3 a4 | rep movsb (%esi), (%edi)
  67 f3 ab | rep stosl %eax, (%edi)
  65 f3 48 a5 | rep movsq %gs:(%rsi), (%rdi)
  65 ad | lodsl %gs:(%rsi), %eax
  67 66 f3 ad | rep lodsw (%esi), %ax
  0f ae 3b | clflush (%rbx)
  66 0f ae 3b | clflushopt (%rbx)
  66 0f ae 33 | clwb (%rbx)
  0f 18 0b | prefetcht0 (%rbx)
  0f 0d 0b | prefetchw (%rbx)
  0f 10 13 | movups (%rbx), %xmm2
  44 0f 11 13 | movups %xmm10, (%rbx)
  c5 f8 10 1b | vmovups (%rbx), %xmm3
  c5 78 11 1b | vmovups %xmm11, (%rbx)
  c5 fc 10 1b | vmovups (%rbx), %ymm3
  c5 7c 11 1b | vmovups %ymm11, (%rbx)
  0f 28 13 | movaps (%rbx), %xmm2
  44 0f 29 13 | movaps %xmm10, (%rbx)
  c5 f8 28 1b | vmovaps (%rbx), %xmm3
  c5 78 29 1b | vmovaps %xmm11, (%rbx)
  c5 fc 28 1b | vmovaps (%rbx), %ymm3
  c5 7c 29 1b | vmovaps %ymm11, (%rbx)
  66 0f 10 13 | movupd (%rbx), %xmm2
  66 44 0f 11 13 | movupd %xmm10, (%rbx)
  c5 f9 10 1b | vmovupd (%rbx), %xmm3
  c5 79 11 1b | vmovupd %xmm11, (%rbx)
  c5 fd 10 1b | vmovupd (%rbx), %ymm3
  c5 7d 11 1b | vmovupd %ymm11, (%rbx)
  66 0f 28 13 | movapd (%rbx), %xmm2
  66 44 0f 29 13 | movapd %xmm10, (%rbx)
  c5 f9 28 1b | vmovapd (%rbx), %xmm3
  c5 79 29 1b | vmovapd %xmm11, (%rbx)
  c5 fd 28 1b | vmovapd (%rbx), %ymm3
  c5 7d 29 1b | vmovapd %ymm11, (%rbx)
  f3 0f 6f 13 | movdqu (%rbx), %xmm2
  f3 44 0f 7f 13 | movdqu %xmm10, (%rbx)
  c5 fa 6f 1b | vmovdqu (%rbx), %xmm3
  c5 7a 7f 1b | vmovdqu %xmm11, (%rbx)
  c5 fe 6f 1b | vmovdqu (%rbx), %ymm3
  c5 7e 7f 1b | vmovdqu %ymm11, (%rbx)
  66 0f 6f 13 | movdqa (%rbx), %xmm2
  66 44 0f 7f 13 | movdqa %xmm10, (%rbx)
  c5 f9 6f 1b | vmovdqa (%rbx), %xmm3
  c5 79 7f 1b | vmovdqa %xmm11, (%rbx)
  c5 fd 6f 1b | vmovdqa (%rbx), %ymm3
  c5 7d 7f 1b | vmovdqa %ymm11, (%rbx)
  66 0f e7 13 | movntdq %xmm2, (%rbx)
  c5 fd e7 13 | vmovntdq %ymm2, (%rbx)
  62 e1 7d 48 e7 13 | vmovntdq %zmm18, (%rbx)
  0f 2b 13 | movntps %xmm2, (%rbx)
  c5 fc 2b 13 | vmovntps %ymm2, (%rbx)
  62 e1 7c 48 2b 13 | vmovntps %zmm18, (%rbx)
  66 0f 2b 13 | movntpd %xmm2, (%rbx)
  c5 fd 2b 13 | vmovntpd %ymm2, (%rbx)
  62 e1 fd 48 2b 13 | vmovntpd %zmm18, (%rbx)
  0f 12 23 | movlps (%rbx), %xmm4
  0f 13 23 | movlps %xmm4, (%rbx)
  c5 d0 12 33 | vmovlps (%rbx), %xmm5, %xmm6
  c5 f8 13 2b | vmovlps %xmm5, (%rbx)
  62 e1 54 00 12 33 | vmovlps (%rbx), %xmm21, %xmm22
  62 e1 7c 08 13 7b 01 | vmovlps %xmm23, 8(%rbx)
  0f 16 23 | movhps (%rbx), %xmm4
  0f 17 23 | movhps %xmm4, (%rbx)
  c5 d0 16 33 | vmovhps (%rbx), %xmm5, %xmm6
  c5 f8 17 2b | vmovhps %xmm5, (%rbx)
  62 e1 54 00 16 33 | vmovhps (%rbx), %xmm21, %xmm22
  62 e1 7c 08 17 7b 01 | vmovhps %xmm23, 8(%rbx)
  66 0f 12 23 | movlpd (%rbx), %xmm4
  66 0f 13 23 | movlpd %xmm4, (%rbx)
  c5 d1 12 33 | vmovlpd (%rbx), %xmm5, %xmm6
  c5 f9 13 2b | vmovlpd %xmm5, (%rbx)
  62 e1 d5 00 12 33 | vmovlpd (%rbx), %xmm21, %xmm22
  62 e1 fd 08 13 7b 01 | vmovlpd %xmm23, 8(%rbx)
  66 0f 16 23 | movhpd (%rbx), %xmm4
  66 0f 17 23 | movhpd %xmm4, (%rbx)
  c5 d1 16 33 | vmovhpd (%rbx), %xmm5, %xmm6
  c5 f9 17 2b | vmovhpd %xmm5, (%rbx)
  62 e1 d5 00 16 33 | vmovhpd (%rbx), %xmm21, %xmm22
  62 e1 fd 08 17 7b 01 | vmovhpd %xmm23, 8(%rbx)
  f3 0f 10 23 | movss (%rbx), %xmm4
  f3 0f 11 23 | movss %xmm4, (%rbx)
  c5 fa 10 2b | vmovss (%rbx), %xmm5
  c5 fa 11 2b | vmovss %xmm5, (%rbx)
  62 61 7e 08 10 4b 04 | vmovss 0x10(%rbx), %xmm25
  62 61 7e 08 11 4b 04 | vmovss %xmm25, 0x10(%rbx)
  f2 0f 10 23 | movsd (%rbx), %xmm4
  f2 0f 11 23 | movsd %xmm4, (%rbx)
  c5 fb 10 2b | vmovsd (%rbx), %xmm5
  c5 fb 11 2b | vmovsd %xmm5, (%rbx)
  62 61 ff 08 10 4b 02 | vmovsd 0x10(%rbx), %xmm25
  62 61 ff 08 11 4b 02 | vmovsd %xmm25, 0x10(%rbx)
  66 0f 6e 23 | movd (%rbx), %xmm4
  66 0f 7e 23 | movd %xmm4, (%rbx)
  c5 f9 6e 2b | vmovd (%rbx), %xmm5
  c5 f9 7e 2b | vmovd %xmm5, (%rbx)
  62 61 7d 08 6e 4b 04 | vmovd 0x10(%rbx), %xmm25
  62 61 7d 08 7e 4b 04 | vmovd %xmm25, 0x10(%rbx)
  f3 0f 7e 23 | movq (%rbx), %xmm4
  66 0f d6 23 | movq %xmm4, (%rbx)
  c5 fa 7e 2b | vmovq (%rbx), %xmm5
  c5 f9 d6 2b | vmovq %xmm5, (%rbx)
  62 61 fd 08 6e 4b 02 | vmovq 0x10(%rbx), %xmm25
  62 61 fd 08 7e 4b 02 | vmovq %xmm25, 0x10(%rbx)
  66 48 0f 6e 0b | movq (%rbx),%xmm1
  66 48 0f 7e 0b | movq %xmm1,(%rbx)
  c4 e1 f9 6e 0b | vmovq (%rbx),%xmm1
  c4 e1 f9 7e 0b | vmovq %xmm1,(%rbx)
  f2 0f f0 3b | lddqu (%rbx), %xmm7
  c5 ff f0 3b | vlddqu (%rbx), %ymm7
  66 0f 38 2a 3b | movntdqa (%rbx), %xmm7
  c4 e2 7d 2a 3b | vmovntdqa (%rbx), %ymm7
  62 62 7d 48 2a 1b | vmovntdqa (%rbx), %zmm27
  62 e1 7f 08 6f 23 | vmovdqu8 (%rbx), %xmm20
  62 e1 7f 08 7f 23 | vmovdqu8 %xmm20, (%rbx)
  62 e1 7f 09 6f 23 | vmovdqu8 (%rbx), %xmm20{%k1}
  62 e1 7f 8a 6f 23 | vmovdqu8 (%rbx), %xmm20{%k2}{z}
  62 e1 7f 0b 7f 63 04 | vmovdqu8 %xmm20, 0x40(%rbx){%k3}
  62 e1 7f 28 6f 23 | vmovdqu8 (%rbx), %ymm20
  62 e1 7f 28 7f 23 | vmovdqu8 %ymm20, (%rbx)
  62 e1 7f 29 6f 23 | vmovdqu8 (%rbx), %ymm20{%k1}
  62 e1 7f aa 6f 23 | vmovdqu8 (%rbx), %ymm20{%k2}{z}
  62 e1 7f 2b 7f 63 02 | vmovdqu8 %ymm20, 0x40(%rbx){%k3}
  62 e1 7f 48 6f 23 | vmovdqu8 (%rbx), %zmm20
  62 e1 7f 48 7f 23 | vmovdqu8 %zmm20, (%rbx)
  62 e1 7f 49 6f 23 | vmovdqu8 (%rbx), %zmm20{%k1}
  62 e1 7f ca 6f 23 | vmovdqu8 (%rbx), %zmm20{%k2}{z}
  62 e1 7f 4b 7f 63 01 | vmovdqu8 %zmm20, 0x40(%rbx){%k3}
  62 f1 7f 48 6f 1b | vmovdqu8 (%rbx), %zmm3
  62 f1 7f 48 7f 1b | vmovdqu8 %zmm3, (%rbx)
  62 f1 7f 49 6f 1b | vmovdqu8 (%rbx), %zmm3{%k1}
  62 f1 7f ca 6f 1b | vmovdqu8 (%rbx), %zmm3{%k2}{z}
  62 f1 7f 4b 7f 5b 01 | vmovdqu8 %zmm3, 0x40(%rbx){%k3}
  62 61 7f 48 6f 7b 02 | vmovdqu8 0x80(%rbx), %zmm31
  62 e1 ff 08 6f 23 | vmovdqu16 (%rbx), %xmm20
  62 e1 ff 08 7f 23 | vmovdqu16 %xmm20, (%rbx)
  62 e1 ff 09 6f 23 | vmovdqu16 (%rbx), %xmm20{%k1}
  62 e1 ff 8a 6f 23 | vmovdqu16 (%rbx), %xmm20{%k2}{z}
  62 e1 ff 0b 7f 63 04 | vmovdqu16 %xmm20, 0x40(%rbx){%k3}
  62 e1 ff 28 6f 23 | vmovdqu16 (%rbx), %ymm20
  62 e1 ff 28 7f 23 | vmovdqu16 %ymm20, (%rbx)
  62 e1 ff 29 6f 23 | vmovdqu16 (%rbx), %ymm20{%k1}
  62 e1 ff aa 6f 23 | vmovdqu16 (%rbx), %ymm20{%k2}{z}
  62 e1 ff 2b 7f 63 02 | vmovdqu16 %ymm20, 0x40(%rbx){%k3}
  62 e1 ff 48 6f 23 | vmovdqu16 (%rbx), %zmm20
  62 e1 ff 48 7f 23 | vmovdqu16 %zmm20, (%rbx)
  62 e1 ff 49 6f 23 | vmovdqu16 (%rbx), %zmm20{%k1}
  62 e1 ff ca 6f 23 | vmovdqu16 (%rbx), %zmm20{%k2}{z}
  62 e1 ff 4b 7f 63 01 | vmovdqu16 %zmm20, 0x40(%rbx){%k3}
  62 f1 ff 48 6f 1b | vmovdqu16 (%rbx), %zmm3
  62 f1 ff 48 7f 1b | vmovdqu16 %zmm3, (%rbx)
  62 f1 ff 49 6f 1b | vmovdqu16 (%rbx), %zmm3{%k1}
  62 f1 ff ca 6f 1b | vmovdqu16 (%rbx), %zmm3{%k2}{z}
  62 f1 ff 4b 7f 5b 01 | vmovdqu16 %zmm3, 0x40(%rbx){%k3}
  62 61 ff 48 6f 7b 02 | vmovdqu16 0x80(%rbx), %zmm31
  62 e1 7e 08 6f 23 | vmovdqu32 (%rbx), %xmm20
  62 e1 7e 08 7f 23 | vmovdqu32 %xmm20, (%rbx)
  62 e1 7e 09 6f 23 | vmovdqu32 (%rbx), %xmm20{%k1}
  62 e1 7e 8a 6f 23 | vmovdqu32 (%rbx), %xmm20{%k2}{z}
  62 e1 7e 0b 7f 63 04 | vmovdqu32 %xmm20, 0x40(%rbx){%k3}
  62 e1 7e 28 6f 23 | vmovdqu32 (%rbx), %ymm20
  62 e1 7e 28 7f 23 | vmovdqu32 %ymm20, (%rbx)
  62 e1 7e 29 6f 23 | vmovdqu32 (%rbx), %ymm20{%k1}
  62 e1 7e aa 6f 23 | vmovdqu32 (%rbx), %ymm20{%k2}{z}
  62 e1 7e 2b 7f 63 02 | vmovdqu32 %ymm20, 0x40(%rbx){%k3}
  62 e1 7e 48 6f 23 | vmovdqu32 (%rbx), %zmm20
  62 e1 7e 48 7f 23 | vmovdqu32 %zmm20, (%rbx)
  62 e1 7e 49 6f 23 | vmovdqu32 (%rbx), %zmm20{%k1}
  62 e1 7e ca 6f 23 | vmovdqu32 (%rbx), %zmm20{%k2}{z}
  62 e1 7e 4b 7f 63 01 | vmovdqu32 %zmm20, 0x40(%rbx){%k3}
  62 f1 7e 48 6f 1b | vmovdqu32 (%rbx), %zmm3
  62 f1 7e 48 7f 1b | vmovdqu32 %zmm3, (%rbx)
  62 f1 7e 49 6f 1b | vmovdqu32 (%rbx), %zmm3{%k1}
  62 f1 7e ca 6f 1b | vmovdqu32 (%rbx), %zmm3{%k2}{z}
  62 f1 7e 4b 7f 5b 01 | vmovdqu32 %zmm3, 0x40(%rbx){%k3}
  62 61 7e 48 6f 7b 02 | vmovdqu32 0x80(%rbx), %zmm31
  62 e1 fe 08 6f 23 | vmovdqu64 (%rbx), %xmm20
  62 e1 fe 08 7f 23 | vmovdqu64 %xmm20, (%rbx)
  62 e1 fe 09 6f 23 | vmovdqu64 (%rbx), %xmm20{%k1}
  62 e1 fe 8a 6f 23 | vmovdqu64 (%rbx), %xmm20{%k2}{z}
  62 e1 fe 0b 7f 63 04 | vmovdqu64 %xmm20, 0x40(%rbx){%k3}
  62 e1 fe 28 6f 23 | vmovdqu64 (%rbx), %ymm20
  62 e1 fe 28 7f 23 | vmovdqu64 %ymm20, (%rbx)
  62 e1 fe 29 6f 23 | vmovdqu64 (%rbx), %ymm20{%k1}
  62 e1 fe aa 6f 23 | vmovdqu64 (%rbx), %ymm20{%k2}{z}
  62 e1 fe 2b 7f 63 02 | vmovdqu64 %ymm20, 0x40(%rbx){%k3}
  62 e1 fe 48 6f 23 | vmovdqu64 (%rbx), %zmm20
  62 e1 fe 48 7f 23 | vmovdqu64 %zmm20, (%rbx)
  62 e1 fe 49 6f 23 | vmovdqu64 (%rbx), %zmm20{%k1}
  62 e1 fe ca 6f 23 | vmovdqu64 (%rbx), %zmm20{%k2}{z}
  62 e1 fe 4b 7f 63 01 | vmovdqu64 %zmm20, 0x40(%rbx){%k3}
  62 f1 fe 48 6f 1b | vmovdqu64 (%rbx), %zmm3
  62 f1 fe 48 7f 1b | vmovdqu64 %zmm3, (%rbx)
  62 f1 fe 49 6f 1b | vmovdqu64 (%rbx), %zmm3{%k1}
  62 f1 fe ca 6f 1b | vmovdqu64 (%rbx), %zmm3{%k2}{z}
  62 f1 fe 4b 7f 5b 01 | vmovdqu64 %zmm3, 0x40(%rbx){%k3}
  62 61 fe 48 6f 7b 02 | vmovdqu64 0x80(%rbx), %zmm31
  62 e1 7d 08 6f 23 | vmovdqa32 (%rbx), %xmm20
  62 e1 7d 08 7f 23 | vmovdqa32 %xmm20, (%rbx)
  62 e1 7d 09 6f 23 | vmovdqa32 (%rbx), %xmm20{%k1}
  62 e1 7d 8a 6f 23 | vmovdqa32 (%rbx), %xmm20{%k2}{z}
  62 e1 7d 0b 7f 63 04 | vmovdqa32 %xmm20, 0x40(%rbx){%k3}
  62 e1 7d 28 6f 23 | vmovdqa32 (%rbx), %ymm20
  62 e1 7d 28 7f 23 | vmovdqa32 %ymm20, (%rbx)
  62 e1 7d 29 6f 23 | vmovdqa32 (%rbx), %ymm20{%k1}
  62 e1 7d aa 6f 23 | vmovdqa32 (%rbx), %ymm20{%k2}{z}
  62 e1 7d 2b 7f 63 02 | vmovdqa32 %ymm20, 0x40(%rbx){%k3}
  62 e1 7d 48 6f 23 | vmovdqa32 (%rbx), %zmm20
  62 e1 7d 48 7f 23 | vmovdqa32 %zmm20, (%rbx)
  62 e1 7d 49 6f 23 | vmovdqa32 (%rbx), %zmm20{%k1}
  62 e1 7d ca 6f 23 | vmovdqa32 (%rbx), %zmm20{%k2}{z}
  62 e1 7d 4b 7f 63 01 | vmovdqa32 %zmm20, 0x40(%rbx){%k3}
  62 f1 7d 48 6f 1b | vmovdqa32 (%rbx), %zmm3
  62 f1 7d 48 7f 1b | vmovdqa32 %zmm3, (%rbx)
  62 f1 7d 49 6f 1b | vmovdqa32 (%rbx), %zmm3{%k1}
  62 f1 7d ca 6f 1b | vmovdqa32 (%rbx), %zmm3{%k2}{z}
  62 f1 7d 4b 7f 5b 01 | vmovdqa32 %zmm3, 0x40(%rbx){%k3}
  62 61 7d 48 6f 7b 02 | vmovdqa32 0x80(%rbx), %zmm31
  62 e1 fd 08 6f 23 | vmovdqa64 (%rbx), %xmm20
  62 e1 fd 08 7f 23 | vmovdqa64 %xmm20, (%rbx)
  62 e1 fd 09 6f 23 | vmovdqa64 (%rbx), %xmm20{%k1}
  62 e1 fd 8a 6f 23 | vmovdqa64 (%rbx), %xmm20{%k2}{z}
  62 e1 fd 0b 7f 63 04 | vmovdqa64 %xmm20, 0x40(%rbx){%k3}
  62 e1 fd 28 6f 23 | vmovdqa64 (%rbx), %ymm20
  62 e1 fd 28 7f 23 | vmovdqa64 %ymm20, (%rbx)
  62 e1 fd 29 6f 23 | vmovdqa64 (%rbx), %ymm20{%k1}
  62 e1 fd aa 6f 23 | vmovdqa64 (%rbx), %ymm20{%k2}{z}
  62 e1 fd 2b 7f 63 02 | vmovdqa64 %ymm20, 0x40(%rbx){%k3}
  62 e1 fd 48 6f 23 | vmovdqa64 (%rbx), %zmm20
  62 e1 fd 48 7f 23 | vmovdqa64 %zmm20, (%rbx)
  62 e1 fd 49 6f 23 | vmovdqa64 (%rbx), %zmm20{%k1}
  62 e1 fd ca 6f 23 | vmovdqa64 (%rbx), %zmm20{%k2}{z}
  62 e1 fd 4b 7f 63 01 | vmovdqa64 %zmm20, 0x40(%rbx){%k3}
  62 f1 fd 48 6f 1b | vmovdqa64 (%rbx), %zmm3
  62 f1 fd 48 7f 1b | vmovdqa64 %zmm3, (%rbx)
  62 f1 fd 49 6f 1b | vmovdqa64 (%rbx), %zmm3{%k1}
  62 f1 fd ca 6f 1b | vmovdqa64 (%rbx), %zmm3{%k2}{z}
  62 f1 fd 4b 7f 5b 01 | vmovdqa64 %zmm3, 0x40(%rbx){%k3}
  62 61 fd 48 6f 7b 02 | vmovdqa64 0x80(%rbx), %zmm31
  62 e1 7c 08 10 23 | vmovups (%rbx), %xmm20
  62 e1 7c 08 11 23 | vmovups %xmm20, (%rbx)
  62 e1 7c 09 10 23 | vmovups (%rbx), %xmm20{%k1}
  62 e1 7c 8a 10 23 | vmovups (%rbx), %xmm20{%k2}{z}
  62 e1 7c 0b 11 63 04 | vmovups %xmm20, 0x40(%rbx){%k3}
  62 e1 7c 28 10 23 | vmovups (%rbx), %ymm20
  62 e1 7c 28 11 23 | vmovups %ymm20, (%rbx)
  62 e1 7c 29 10 23 | vmovups (%rbx), %ymm20{%k1}
  62 e1 7c aa 10 23 | vmovups (%rbx), %ymm20{%k2}{z}
  62 e1 7c 2b 11 63 02 | vmovups %ymm20, 0x40(%rbx){%k3}
  62 e1 7c 48 10 23 | vmovups (%rbx), %zmm20
  62 e1 7c 48 11 23 | vmovups %zmm20, (%rbx)
  62 e1 7c 49 10 23 | vmovups (%rbx), %zmm20{%k1}
  62 e1 7c ca 10 23 | vmovups (%rbx), %zmm20{%k2}{z}
  62 e1 7c 4b 11 63 01 | vmovups %zmm20, 0x40(%rbx){%k3}
  62 f1 7c 48 10 1b | vmovups (%rbx), %zmm3
  62 f1 7c 48 11 1b | vmovups %zmm3, (%rbx)
  62 f1 7c 49 10 1b | vmovups (%rbx), %zmm3{%k1}
  62 f1 7c ca 10 1b | vmovups (%rbx), %zmm3{%k2}{z}
  62 f1 7c 4b 11 5b 01 | vmovups %zmm3, 0x40(%rbx){%k3}
  62 61 7c 48 10 7b 02 | vmovups 0x80(%rbx), %zmm31
  62 e1 fd 08 10 23 | vmovupd (%rbx), %xmm20
  62 e1 fd 08 11 23 | vmovupd %xmm20, (%rbx)
  62 e1 fd 09 10 23 | vmovupd (%rbx), %xmm20{%k1}
  62 e1 fd 8a 10 23 | vmovupd (%rbx), %xmm20{%k2}{z}
  62 e1 fd 0b 11 63 04 | vmovupd %xmm20, 0x40(%rbx){%k3}
  62 e1 fd 28 10 23 | vmovupd (%rbx), %ymm20
  62 e1 fd 28 11 23 | vmovupd %ymm20, (%rbx)
  62 e1 fd 29 10 23 | vmovupd (%rbx), %ymm20{%k1}
  62 e1 fd aa 10 23 | vmovupd (%rbx), %ymm20{%k2}{z}
  62 e1 fd 2b 11 63 02 | vmovupd %ymm20, 0x40(%rbx){%k3}
  62 e1 fd 48 10 23 | vmovupd (%rbx), %zmm20
  62 e1 fd 48 11 23 | vmovupd %zmm20, (%rbx)
  62 e1 fd 49 10 23 | vmovupd (%rbx), %zmm20{%k1}
  62 e1 fd ca 10 23 | vmovupd (%rbx), %zmm20{%k2}{z}
  62 e1 fd 4b 11 63 01 | vmovupd %zmm20, 0x40(%rbx){%k3}
  62 f1 fd 48 10 1b | vmovupd (%rbx), %zmm3
  62 f1 fd 48 11 1b | vmovupd %zmm3, (%rbx)
  62 f1 fd 49 10 1b | vmovupd (%rbx), %zmm3{%k1}
  62 f1 fd ca 10 1b | vmovupd (%rbx), %zmm3{%k2}{z}
  62 f1 fd 4b 11 5b 01 | vmovupd %zmm3, 0x40(%rbx){%k3}
  62 61 fd 48 10 7b 02 | vmovupd 0x80(%rbx), %zmm31
  62 e1 7c 08 28 23 | vmovaps (%rbx), %xmm20
  62 e1 7c 08 29 23 | vmovaps %xmm20, (%rbx)
  62 e1 7c 09 28 23 | vmovaps (%rbx), %xmm20{%k1}
  62 e1 7c 8a 28 23 | vmovaps (%rbx), %xmm20{%k2}{z}
  62 e1 7c 0b 29 63 04 | vmovaps %xmm20, 0x40(%rbx){%k3}
  62 e1 7c 28 28 23 | vmovaps (%rbx), %ymm20
  62 e1 7c 28 29 23 | vmovaps %ymm20, (%rbx)
  62 e1 7c 29 28 23 | vmovaps (%rbx), %ymm20{%k1}
  62 e1 7c aa 28 23 | vmovaps (%rbx), %ymm20{%k2}{z}
  62 e1 7c 2b 29 63 02 | vmovaps %ymm20, 0x40(%rbx){%k3}
  62 e1 7c 48 28 23 | vmovaps (%rbx), %zmm20
  62 e1 7c 48 29 23 | vmovaps %zmm20, (%rbx)
  62 e1 7c 49 28 23 | vmovaps (%rbx), %zmm20{%k1}
  62 e1 7c ca 28 23 | vmovaps (%rbx), %zmm20{%k2}{z}
  62 e1 7c 4b 29 63 01 | vmovaps %zmm20, 0x40(%rbx){%k3}
  62 f1 7c 48 28 1b | vmovaps (%rbx), %zmm3
  62 f1 7c 48 29 1b | vmovaps %zmm3, (%rbx)
  62 f1 7c 49 28 1b | vmovaps (%rbx), %zmm3{%k1}
  62 f1 7c ca 28 1b | vmovaps (%rbx), %zmm3{%k2}{z}
  62 f1 7c 4b 29 5b 01 | vmovaps %zmm3, 0x40(%rbx){%k3}
  62 61 7c 48 28 7b 02 | vmovaps 0x80(%rbx), %zmm31
  62 e1 fd 08 28 23 | vmovapd (%rbx), %xmm20
  62 e1 fd 08 29 23 | vmovapd %xmm20, (%rbx)
  62 e1 fd 09 28 23 | vmovapd (%rbx), %xmm20{%k1}
  62 e1 fd 8a 28 23 | vmovapd (%rbx), %xmm20{%k2}{z}
  62 e1 fd 0b 29 63 04 | vmovapd %xmm20, 0x40(%rbx){%k3}
  62 e1 fd 28 28 23 | vmovapd (%rbx), %ymm20
  62 e1 fd 28 29 23 | vmovapd %ymm20, (%rbx)
  62 e1 fd 29 28 23 | vmovapd (%rbx), %ymm20{%k1}
  62 e1 fd aa 28 23 | vmovapd (%rbx), %ymm20{%k2}{z}
  62 e1 fd 2b 29 63 02 | vmovapd %ymm20, 0x40(%rbx){%k3}
  62 e1 fd 48 28 23 | vmovapd (%rbx), %zmm20
  62 e1 fd 48 29 23 | vmovapd %zmm20, (%rbx)
  62 e1 fd 49 28 23 | vmovapd (%rbx), %zmm20{%k1}
  62 e1 fd ca 28 23 | vmovapd (%rbx), %zmm20{%k2}{z}
  62 e1 fd 4b 29 63 01 | vmovapd %zmm20, 0x40(%rbx){%k3}
  62 f1 fd 48 28 1b | vmovapd (%rbx), %zmm3
  62 f1 fd 48 29 1b | vmovapd %zmm3, (%rbx)
  62 f1 fd 49 28 1b | vmovapd (%rbx), %zmm3{%k1}
  62 f1 fd ca 28 1b | vmovapd (%rbx), %zmm3{%k2}{z}
  62 f1 fd 4b 29 5b 01 | vmovapd %zmm3, 0x40(%rbx){%k3}
  62 61 fd 48 28 7b 02 | vmovapd 0x80(%rbx), %zmm31
  62 e1 7e 09 10 23 | vmovss (%rbx), %xmm20{%k1}
  62 e1 7e 89 10 23 | vmovss (%rbx), %xmm20{%k1}{z}
  62 e1 ff 0c 10 23 | vmovsd (%rbx), %xmm20{%k4}
  62 e1 ff 8c 10 23 | vmovsd (%rbx), %xmm20{%k4}{z}
  62 e1 ff 0c 11 23 | vmovsd %xmm20, (%rbx){%k4}
  62 e1 7e 0c 11 23 | vmovss %xmm20, (%rbx){%k4}
  """
