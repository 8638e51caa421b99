/* A web server that says hello: as much as a dyno needs. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void stop(int signum) {
  (void)signum;
  _exit(0);
}

static int listen_on(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = INADDR_ANY};
  int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 128) < 0) {
    perror("cannot listen");
    exit(1);
  }
  return listener;
}

/* Reads up to the empty line that ends a request's head; what follows is not for us. */
static void read_head(int client) {
  char head[8192];
  size_t have = 0;
  ssize_t got;
  while (have < sizeof head - 1 && (got = read(client, head + have, sizeof head - 1 - have)) > 0) {
    have += got;
    head[have] = '\0';
    if (strstr(head, "\r\n\r\n")) return;
  }
}

int main(void) {
  const char *port = getenv("PORT"), *greeting = getenv("GREETING"), *dyno = getenv("DYNO");
  char body[512], answer[1024];
  signal(SIGTERM, stop);
  signal(SIGPIPE, SIG_IGN);
  setvbuf(stdout, NULL, _IOLBF, 0);
  int listener = listen_on(port ? atoi(port) : 3000);
  printf("listening on %s\n", port ? port : "3000");
  int size = snprintf(body, sizeof body, "Hello from %s, %s\n", dyno ? dyno : "here", greeting ? greeting : "plainly");
  if (size >= (int)sizeof body) size = sizeof body - 1;
  int length = snprintf(answer, sizeof answer,
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", size, body);
  for (;;) {
    int client = accept(listener, NULL, NULL);
    if (client < 0) continue;
    read_head(client);
    if (write(client, answer, length) < 0) perror("cannot answer");
    close(client);
  }
}
