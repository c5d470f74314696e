// Handlers that look at faults, leave by siglongjmp or use registers themselves.
#include "conversation.h"
#include <setjmp.h>
#include <sys/time.h>
#include <ucontext.h>
#include <pthread.h>
static sigjmp_buf back; static struct session s; static volatile unsigned char*bar;
    static volatile uintptr_t fa; static volatile int fc,fs,ferr; static volatile long ticks;
static void on(int n,siginfo_t*i,void*c){ ucontext_t*u=c; fa=(uintptr_t)i->si_addr;
    fc=i->si_code; fs=n; ferr=u->uc_mcontext.gregs[REG_ERR]; siglongjmp(back,1);} 
#define T(name, ...) do{ fs=0; if(!sigsetjmp(back,1)){ __VA_ARGS__; say("%s: ok",name);} else say("%s: sig %d code %d err %x at bar+%lx",name,fs,fc,ferr,fa>=(uintptr_t)bar&&fa<(uintptr_t)bar+0x200000?fa-(uintptr_t)bar:fa>0x100000?0xdead:fa);}while(0)
static void tick(int n){(void)n; ticks++; (void)get32(bar,LIVENESS);
    put32(bar,0x88,get32(bar,0x88)+1);} 
static void skip(int n,siginfo_t*i,void*c){ (void)i;(void)n; ucontext_t*u=c; fs++;
    u->uc_mcontext.gregs[REG_RIP]+=2; u->uc_mcontext.gregs[REG_RAX]=0x77; }
static void nested(int n){(void)n; if(n==SIGUSR1) raise(SIGUSR2); fa+=get32(bar,ID); }
static void*thr(void*p){ stack_t ss={.ss_sp=malloc(65536),.ss_size=65536}; sigaltstack(&ss,0);
    uint32_t x=0; for(int i=0;i<20000;i++){ x+=get32(bar,ID); } *(uint32_t*)p=x; return 0;}
static void*loop(void*p){(void)p; for(;;){ (void)get32(bar,ID); pthread_testcancel(); } return p; }
static void*aloop(void*p){(void)p; pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS,0);
    for(;;) { (void)get32(bar,ID); } return p; }
int main(void){ struct sigaction a={.sa_sigaction=on,.sa_flags=SA_SIGINFO};
    sigaction(SIGSEGV,&a,0); sigaction(SIGBUS,&a,0);
 s=start(FIRST,VFIO_TYPE1v2_IOMMU); bar=map_bar(s.device,0x100000);
 T("id",say("%x",get32(bar,0))); T("null",*(volatile int*)at(0)=1);
     T("null+8",(void)*(volatile int*)at(8)); T("id again",say("%x",get32(bar,0)));
 T("end",(void)*(volatile int*)(bar+0x0ffffc));
 uint16_t cmd=config_get(s.device,4,2); config_put(s.device,4,2,cmd&~2);
     T("decode off read",(void)get32(bar,0x24)); T("decode off write",put32(bar,0x88,1));
      config_put(s.device,4,2,cmd);
     T("on",say("%x",get32(bar,0)));
 mprotect((void*)bar,0x1000,PROT_READ); T("ro read",say("%x",get32(bar,0)));
     T("ro write",put32(bar,0x88,1)); T("ro rmw",(*(volatile uint32_t*)(bar+0x88))++);
     T("second page write",put32(bar,0x1088,1));
 mprotect((void*)bar,0x1000,PROT_NONE); T("none read",(void)get32(bar,4));
     mprotect((void*)bar,0x1000,PROT_WRITE); T("write only read",say("%x",get32(bar,0)));
     T("write only write",put32(bar,0x88,5)); mprotect((void*)bar,0x1000,PROT_READ|PROT_WRITE);
     say("%x",get32(bar,0x88));
 munmap((void*)(bar+0x2000),0x1000); T("hole",(void)get32(bar,0x2004));
     T("after hole",say("%x",get32(bar,0x3000)));
     T("straddle", (void)*(volatile uint64_t*)(bar+0x1ffc));
 T("exec",((void(*)(void))(bar+0x10))());
 T("kernel addr",(void)*(volatile int*)at(0xffff800000000000));
     T("noncanon",(void)*(volatile int*)at(0x8000000000000000));
 struct sigaction k={.sa_handler=tick,.sa_flags=SA_RESTART}; sigaction(SIGALRM,&k,0);
     put32(bar,0x88,0); struct itimerval it={{0,200},{0,200}}; setitimer(ITIMER_REAL,&it,0);
     uint32_t bad=0; for(int i=0;i<60000;i++){ if(get32(bar,ID)!=0x10000ed) bad++;
     put32(bar,0x80,i); if(get32(bar,0x80)!=(uint32_t)i) bad++; } memset(&it,0,sizeof it);
     setitimer(ITIMER_REAL,&it,0); say("alarm bad %u ticks match %d some %d",bad,get32(bar,
     0x88)==(uint32_t)ticks,ticks>3);
 struct sigaction nn={.sa_handler=nested}; sigaction(SIGUSR1,&nn,0); sigaction(SIGUSR2,&nn,0);
     fa=0; raise(SIGUSR1); say("nested %lx",(unsigned long)fa);
 struct sigaction sk={.sa_sigaction=skip,.sa_flags=SA_SIGINFO}; sigaction(SIGSEGV,&sk,0); fs=0;
     { uint64_t r; __asm__ volatile("xor %%ebx,%%ebx\n movl (%%rbx),%%eax":"=a"(r)::"rbx");
     say("skipped %llx times %d",(unsigned long long)r,fs);} sigaction(SIGSEGV,&a,0);
 pthread_t t[4]; uint32_t r[4]; pthread_attr_t at_; pthread_attr_init(&at_);
     pthread_attr_setstacksize(&at_,16384);
     for(int i=0;i<4;i++) pthread_create(&t[i],&at_,thr,&r[i]);
     for(int i=0;i<4;i++){
     pthread_join(t[i],0); say("tiny %x",r[i]); }
 pthread_create(&t[0],0,loop,0); wait_ms(20); pthread_cancel(t[0]); pthread_join(t[0],0);
     say("cancelled"); pthread_create(&t[0],0,aloop,0); wait_ms(20); pthread_cancel(t[0]);
     pthread_join(t[0],0); say("async cancelled %x",get32(bar,0));
 for(volatile int i=0;i<200;i++){ if(!sigsetjmp(back,0)) (void)*(volatile int*)at(0); sigset_t u;
     sigemptyset(&u); sigaddset(&u,SIGSEGV); sigprocmask(SIG_UNBLOCK,&u,0);}
     say("200 faults, %x",get32(bar,0));
 signal(SIGSEGV,SIG_DFL); CHILD((void)*(volatile int*)at(4));
     CHILD(config_put(s.device,4,2,cmd&~2);signal(SIGBUS,SIG_DFL);get32(bar,0));
     config_put(s.device,4,2,cmd);
 CHILD(say("vfork-ish %x",get32(bar,0))); pid_t vf=vfork(); if(!vf){ (void)get32(bar,0);
     _exit(0);} say("after vfork %x",get32(bar,0));
 return 0; }
