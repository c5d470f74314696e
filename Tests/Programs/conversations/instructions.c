// Every kind of instruction that compilers and libc make of an access to memory, on registers.
#include "conversation.h"
#include <setjmp.h>
#include <immintrin.h>
static void *(*volatile copy)(void *, const void *, size_t) = memcpy;
static int (*volatile compare)(const void *, const void *, size_t) = memcmp;
static void *(*volatile fill)(void *, int, size_t) = memset;
static sigjmp_buf back; static int dead;
static void on(int n, siginfo_t *i, void *c){(void)c;(void)i; dead=n; siglongjmp(back,1);}
#define TRY(name, ...) do{ dead=0; if(!sigsetjmp(back,1)){ __VA_ARGS__; say("%s: ok", name);} else say("%s: signal %d", name, dead);}while(0)
static struct session s; static volatile unsigned char *bar;
static void show16(const char*w,const void*p){const uint32_t*u=p;
    say("  %s %08x %08x %08x %08x",w,u[0],u[1],u[2],u[3]);}
__attribute__((target("avx2"))) static void avx(unsigned char*b){
  __m256i r; uint32_t o[8];
  TRY("vpcmpeqb", __asm__ volatile("vpxor %%ymm0,%%ymm0,%%ymm0\n vpcmpeqb (%1),%%ymm0,%0":"=x"(r):"r"(b+0x80):"xmm0"); _mm256_storeu_si256((void*)o,r); show16("lo",o); show16("hi",o+4));
  TRY("vpaddd", __asm__ volatile("vpcmpeqd %%ymm0,%%ymm0,%%ymm0\n vpaddd (%1),%%ymm0,%0":"=x"(r):"r"(b+0x80):"xmm0"); _mm256_storeu_si256((void*)o,r); show16("lo",o); show16("hi",o+4));
  TRY("vpxor", __asm__ volatile("vpcmpeqd %%ymm0,%%ymm0,%%ymm0\n vpxor (%1),%%ymm0,%0":"=x"(r):"r"(b+0x80):"xmm0"); _mm256_storeu_si256((void*)o,r); show16("lo",o); show16("hi",o+4));
  TRY("vpminub", __asm__ volatile("vpcmpeqd %%ymm0,%%ymm0,%%ymm0\n vpminub (%1),%%ymm0,%0":"=x"(r):"r"(b+0x80):"xmm0"); _mm256_storeu_si256((void*)o,r); show16("lo",o); show16("hi",o+4));
  TRY("vpbroadcastd", __asm__ volatile("vpbroadcastd (%1),%0":"=x"(r):"r"(b+0x80));
      _mm256_storeu_si256((void*)o,r); show16("lo",o); show16("hi",o+4));
  TRY("vptest", int z; __asm__ volatile("vpcmpeqd %%ymm0,%%ymm0,%%ymm0\n vptest (%1),%%ymm0\n sete %b0":"=q"(z):"r"(b+0x80):"xmm0"); say("  z %d",z&255));
  TRY("vinserti128", __asm__ volatile("vpxor %%ymm0,%%ymm0,%%ymm0\n vinserti128 $1,(%1),%%ymm0,%0":"=x"(r):"r"(b+0x80):"xmm0"); _mm256_storeu_si256((void*)o,r); show16("lo",o); show16("hi",o+4));
  TRY("vextracti128 store", __asm__ volatile("vpcmpeqd %%ymm0,%%ymm0,%%ymm0\n vextracti128 $1,%%ymm0,(%0)"::"r"(b+0x80):"xmm0","memory"); say("  %08x %08x",get32(b,0x80),get32(b,0x88)));
  put32(b,0x80,0x1000);put32(b,0x88,0x2000);
  TRY("vbroadcasti128", __asm__ volatile("vbroadcasti128 (%1),%0":"=x"(r):"r"(b+0x80));
      _mm256_storeu_si256((void*)o,r); show16("lo",o); show16("hi",o+4));
  TRY("vpmovzxbw", __asm__ volatile("vpmovzxbw (%1),%0":"=x"(r):"r"(b+0x80));
      _mm256_storeu_si256((void*)o,r); show16("lo",o); show16("hi",o+4));
  TRY("vmaskmov", __asm__ volatile("vpcmpeqd %%ymm0,%%ymm0,%%ymm0\n vpmaskmovd (%1),%%ymm0,%0":"=x"(r):"r"(b+0x80):"xmm0"); _mm256_storeu_si256((void*)o,r); show16("lo",o); show16("hi",o+4));
  TRY("andn", uint32_t v; __asm__ volatile("andn (%1),%2,%0":"=r"(v):"r"(b+0x80),"r"(0xff));
      say("  %x",v));
  TRY("shlx", uint32_t v; __asm__ volatile("shlx %2,(%1),%0":"=r"(v):"r"(b+0x80),"r"(4));
      say("  %x",v));
  TRY("rorx", uint32_t v; __asm__ volatile("rorx $4,(%1),%0":"=r"(v):"r"(b+0x80)); say("  %x",v));
  TRY("bextr", uint32_t v; __asm__ volatile("bextr %2,(%1),%0":"=r"(v):"r"(b+0x80),"r"(0x0810));
      say("  %x",v));
  TRY("blsr", uint32_t v; __asm__ volatile("blsr (%1),%0":"=r"(v):"r"(b+0x80)); say("  %x",v));
  TRY("mulx", uint32_t v; uint32_t w; __asm__ volatile("mulx (%2),%0,%1":"=r"(v),
      "=r"(w):"r"(b+0x80),"d"(0x100000)); say("  %x %x",v,w));
  TRY("pdep", uint32_t v; __asm__ volatile("pdep (%1),%2,%0":"=r"(v):"r"(b+0x80),"r"(0xff));
      say("  %x",v));
}
int main(void){
  struct sigaction a={.sa_sigaction=on,.sa_flags=SA_SIGINFO}; sigaction(SIGSEGV,&a,0);
      sigaction(SIGBUS,&a,0); sigaction(SIGILL,&a,0);sigaction(SIGFPE,&a,0);
  s=start(FIRST,VFIO_TYPE1v2_IOMMU); bar=map_bar(s.device,0x100000);
      unsigned char*b=(unsigned char*)bar;
  put32(bar,0x80,0x1000); put32(bar,0x88,0x2000); put32(bar,0x90,0x30);
  char x[64];
  TRY("memcpy 32", copy(x,b+0x80,32); show16("",x); show16("",x+16));
  TRY("memcmp same", say("  %d", compare(b+0x80,b+0x80,32)));
  char z[64]={0};
  TRY("memcmp other", say("  %d", compare(z,b+0x80,32)>0));
  TRY("strlen", say("  %zu", strlen((char*)at((uintptr_t)b+0x80))));
  TRY("memchr", say("  %d", memchr(at((uintptr_t)b+0x80),0x30,32)!=0));
  TRY("strnlen", say("  %zu", strnlen((char*)at((uintptr_t)b+0x80),16)));
  TRY("strcmp", say("  %d", strcmp((char*)at((uintptr_t)b+0x80),"abc")<0));
  TRY("memset", fill(b+0x80,0,16); say("  %x",get32(b,0x80)));
  put32(bar,0x80,0x1000);
  TRY("pcmpeqb", __m128i r; __asm__ volatile("pxor %0,%0\n pcmpeqb (%1),%0":"=x"(r):"r"(b+0x80));
      show16("",&r));
  TRY("paddd", __m128i r; __asm__ volatile("pxor %0,%0\n paddd (%1),%0":"=x"(r):"r"(b+0x80));
      show16("",&r));
  TRY("pshufd", __m128i r; __asm__ volatile("pshufd $0xe4,(%1),%0":"=x"(r):"r"(b+0x80));
      show16("",&r));
  TRY("cvtsi2sd", double d; __asm__ volatile("cvtsi2sdl (%1),%0":"=x"(d):"r"(b+0x80));
      say("  %g",d));
  TRY("cvtsi2sd 64", double d; __asm__ volatile("cvtsi2sdq (%1),%0":"=x"(d):"r"(b+0x80));
      say("  %g",d));
  TRY("addsd", double d=1; __asm__ volatile("addsd (%1),%0":"+x"(d):"r"(b+0x80)); say("  %g",d));
  TRY("ucomisd", int r; __asm__ volatile("pxor %%xmm0,%%xmm0\n ucomisd (%1),%%xmm0\n setb %b0":"=q"(r):"r"(b+0x80):"xmm0"); say("  %d",r&255));
  TRY("cvttsd2si", long r; __asm__ volatile("cvttsd2si (%1),%0":"=r"(r):"r"(b+0x80));
      say("  %ld",r));
  TRY("fild", double d; __asm__ volatile("fildl (%1)\n fstpl %0":"=m"(d):"r"(b+0x80));
      say("  %g",d));
  TRY("fildll", double d; __asm__ volatile("fildll (%1)\n fstpl %0":"=m"(d):"r"(b+0x80));
      say("  %g",d));
  TRY("fistp", __asm__ volatile("fld1\n fistpl (%0)"::"r"(b+0x88):"memory");
      say("  %x",get32(b,0x88)));
  TRY("fstpl", __asm__ volatile("fld1\n fstpl (%0)"::"r"(b+0x88):"memory");
      say("  %x %x",get32(b,0x88),get32(b,0x8c)));
  TRY("fldl", double d; __asm__ volatile("fldl (%1)\n fstpl %0":"=m"(d):"r"(b+0x88));
      say("  %g",d));
  TRY("pextrd", __asm__ volatile("pcmpeqd %%xmm0,%%xmm0\n pextrd $1,%%xmm0,(%0)"::"r"(b+0x88):"xmm0","memory"); say("  %x",get32(b,0x88)));
  TRY("pinsrd", __m128i r; __asm__ volatile("pxor %0,%0\n pinsrd $1,(%1),%0":"=x"(r):"r"(b+0x80)); show16("",&r));
  TRY("popcnt", uint32_t v; __asm__ volatile("popcnt (%1),%0":"=r"(v):"r"(b+0x80));
      say("  %x",v));
  TRY("tzcnt", uint32_t v; __asm__ volatile("tzcnt (%1),%0":"=r"(v):"r"(b+0x80)); say("  %x",v));
  TRY("lzcnt", uint32_t v; __asm__ volatile("lzcnt (%1),%0":"=r"(v):"r"(b+0x80)); say("  %x",v));
  TRY("bsf", uint32_t v; __asm__ volatile("bsf (%1),%0":"=r"(v):"r"(b+0x80)); say("  %x",v));
  TRY("bsr", uint32_t v; __asm__ volatile("bsr (%1),%0":"=r"(v):"r"(b+0x80)); say("  %x",v));
  TRY("crc32", uint32_t v=1; __asm__ volatile("crc32l (%1),%0":"+r"(v):"r"(b+0x80));
      say("  %x",v));
  TRY("adcx", uint32_t v=1; __asm__ volatile("clc\n adcx (%1),%0":"+r"(v):"r"(b+0x80));
      say("  %x",v));
  TRY("movbe", uint32_t v=1; __asm__ volatile("movbe (%1),%0":"=r"(v):"r"(b+0x80));
      say("  %x",v));
  TRY("movdir", (void)0);
  TRY("prefetchw", __asm__ volatile("prefetchw (%0)\n prefetcht0 (%0)"::"r"(b)));
  TRY("clflush", __asm__ volatile("clflush (%0)"::"r"(b)));
  TRY("cmpxchg16b", unsigned char ok; uint64_t lo=0x1000,hi=get32(b,0x88);
      __asm__ volatile("lock cmpxchg16b (%3)\n sete %0":"=q"(ok),"+a"(lo),"+d"(hi):"r"(b+0x80),
      "b"(1UL),"c"(2UL):"memory"); say("  %d %lx %lx",ok,lo,hi));
  TRY("jmp mem", (void)0);
  TRY("call BAR", ((void(*)(void))at((uintptr_t)b))());
  if(__builtin_cpu_supports("avx2")) avx(b);
  finish(s); return 0; }
