// Eventfds that outlive the descriptor, the process or the program that armed them.
#include "conversation.h"
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>
static struct session s; static volatile unsigned char *bar;
int main(int argc,char**argv){
  if(argc>1 && !strcmp(argv[1],"execed")){ int dev=atoi(argv[2]),ev=atoi(argv[3]);
    volatile unsigned char*b=map_bar(dev,0x1000);
    say("execed: command %04x", config_get(dev,4,2));
    put32(b,RAISE,1); say("execed: %s", counted(ev,200)); put32(b,ACKNOWLEDGE,~0);
        put32(b,RAISE,2); say("execed: %s", counted(ev,200)); put32(b,ACKNOWLEDGE,~0);
    say("disarm %s",outcome(disarm(dev,1))); return 0; }
  s=start(FIRST,VFIO_TYPE1v2_IOMMU); bar=map_bar(s.device,0x1000); bus_master(s.device,1);
  int ev=eventfd(0,EFD_CLOEXEC|EFD_NONBLOCK|EFD_SEMAPHORE);
  say("arm %s",outcome(arm(s.device,1,ev)));
  for(int i=0;i<3;i++){ put32(bar,RAISE,1); put32(bar,ACKNOWLEDGE,~0); wait_ms(30);}
  uint64_t v; for(int i=0;i<4;i++){ long r=read(ev,&v,8);
      say("semaphore %s %ld",outcome(r), r>0?(long)v:0);}
  int d=dup(ev); close(ev); put32(bar,RAISE,1); say("dup: %s",counted(d,200));
      put32(bar,ACKNOWLEDGE,~0);
  close(d); put32(bar,RAISE,1); put32(bar,ACKNOWLEDGE,~0); say("all closed, went on");
  say("disarm %s",outcome(disarm(s.device,1)));
  /* same eventfd both MSI then INTx */
  ev=eventfd(0,EFD_NONBLOCK);
  say("arm INTx %s",outcome(arm(s.device,0,ev))); put32(bar,RAISE,1); say("%s",counted(ev,200)); 
  say("MSI meanwhile %s",outcome(arm(s.device,1,ev))); put32(bar,ACKNOWLEDGE,~0);
  disarm(s.device,0); say("arm MSI %s",outcome(arm(s.device,1,ev))); put32(bar,RAISE,1);
      say("%s",counted(ev,200)); put32(bar,ACKNOWLEDGE,~0);
  /* REQ and MSI share */
  say("arm REQ %s", outcome(arm(s.device,4,ev)));
      uint32_t f=VFIO_IRQ_SET_DATA_NONE|VFIO_IRQ_SET_ACTION_TRIGGER;
      say("%s",outcome(set_irqs(s.device,f,4,0,1,NULL,0))); put32(bar,RAISE,1); wait_ms(50);
      say("%s",counted(ev,200)); put32(bar,ACKNOWLEDGE,~0);
  /* epoll ET */
  int ep=epoll_create1(0); struct epoll_event e={.events=EPOLLIN|EPOLLET};
      epoll_ctl(ep,EPOLL_CTL_ADD,ev,&e);
  for(int i=0;i<3;i++){ put32(bar,RAISE,1); say("epoll %d",epoll_wait(ep,&e,1,300));
      put32(bar,ACKNOWLEDGE,~0);} say("epoll %d",epoll_wait(ep,&e,1,50));
      say("%s",counted(ev,10));
  fd_set fs; FD_ZERO(&fs); FD_SET(ev,&fs); struct timeval tv={0,300000}; put32(bar,RAISE,1);
      say("select %d",select(ev+1,&fs,0,0,&tv)); put32(bar,ACKNOWLEDGE,~0);
      say("%s",counted(ev,10));
  /* fork: child triggers, parent gets */
  CHILD(put32(bar,RAISE,1)); say("by child: %s",counted(ev,200)); put32(bar,ACKNOWLEDGE,~0);
  CHILD(put32(bar,RAISE,1); say("in child: %s",counted(ev,200)); put32(bar,ACKNOWLEDGE,~0));
  int ev2=eventfd(0,EFD_NONBLOCK);
  CHILD(int ev3=eventfd(0,EFD_NONBLOCK); say("child arms %s",outcome(arm(s.device,1,ev3)));
      put32(bar,RAISE,1); say("in child: %s",counted(ev3,200)); put32(bar,ACKNOWLEDGE,~0));
  put32(bar,RAISE,1); say("after child: old %s",counted(ev,100)); put32(bar,ACKNOWLEDGE,~0);
  CHILD(say("child arms %s",outcome(arm(s.device,1,ev2))));
  put32(bar,RAISE,1); say("armed by dead child: %s",counted(ev2,200)); put32(bar,ACKNOWLEDGE,~0);
  say("arm %s",outcome(arm(s.device,1,ev)));
  /* unmask eventfd on INTx after fork */
  disarm(s.device,1); say("arm INTx %s",outcome(arm(s.device,0,ev)));
      int um=eventfd(0,EFD_NONBLOCK);
  say("unmask fd %s",outcome(set_irqs(s.device,
      VFIO_IRQ_SET_DATA_EVENTFD|VFIO_IRQ_SET_ACTION_UNMASK,0,0,1,&um,4)));
  for(int i=0;i<4;i++){ put32(bar,RAISE,1); say("intx %s",counted(ev,200));
      put32(bar,ACKNOWLEDGE,~0); v=1; write(um,&v,8); wait_ms(30);} 
  CHILD(put32(bar,RAISE,1); say("intx in child %s",counted(ev,200)); put32(bar,ACKNOWLEDGE,~0);
      v=1; write(um,&v,8); wait_ms(30); put32(bar,RAISE,1);
      say("intx in child %s",counted(ev,200)); put32(bar,ACKNOWLEDGE,~0); v=1; write(um,&v,8);
      wait_ms(30));
  close(um); put32(bar,RAISE,1); say("um closed: intx %s",counted(ev,200));
      put32(bar,ACKNOWLEDGE,~0); say("unmask %s",outcome(set_irqs(s.device,
      VFIO_IRQ_SET_DATA_NONE|VFIO_IRQ_SET_ACTION_UNMASK,0,0,1,NULL,0))); put32(bar,RAISE,1);
      say("intx %s",counted(ev,200)); put32(bar,ACKNOWLEDGE,~0);
  disarm(s.device,0); say("arm %s",outcome(arm(s.device,1,ev)));
  /* daemon: parent leaves, child gets interrupts */
  fflush(stdout); int pp[2]; pipe(pp); pid_t c=fork(); if(c==0){ /* middle */ pid_t g=fork();
      if(g==0){ wait_ms(100); put32(bar,RAISE,1); say("grandchild: %s",counted(ev,200));
      put32(bar,ACKNOWLEDGE,~0); _exit(0);} say("middle arms %s",outcome(arm(s.device,1,ev)));
      _exit(0);} close(pp[1]); char ch; waitpid(c,0,0); (void)!read(pp[0],&ch,1); 
  put32(bar,RAISE,1); say("after daemon: %s",counted(ev,200)); put32(bar,ACKNOWLEDGE,~0);
  say("arm %s",outcome(arm(s.device,1,ev)));
  fcntl(s.device,F_SETFD,0); fcntl(s.container,F_SETFD,0); fcntl(s.group,F_SETFD,0);
  char a[16],b[16]; sprintf(a,"%d",s.device); sprintf(b,"%d",ev); fflush(stdout);
      char self[256]; ssize_t n=readlink("/proc/self/exe",self,255); self[n]=0;
      execl(self,self,"execed",a,b,(char*)0); return 1; }
