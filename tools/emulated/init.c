/* The only process beside the program under test: runs it, hands its output and its end to the host.
 *
 * It is process 1 of the emulated Linux. /arguments holds the program's arguments, /environment its environment, each
 * string ended by a NUL. The way out is the parallel port, which Bochs writes to a file byte for byte; a serial port
 * would wait for its emulated line. What is written there is a run of frames: a kind ('o' standard output, 'e' standard
 * error, 'x' exit status, 's' signal that ended it), a length of two bytes, little-endian, and as many bytes.
 *
 * An 'x' or an 's' comes last and once, after all that the program has written. If it is missing, nothing that came
 * before counts. */
#define _GNU_SOURCE /* pipe2 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The parallel port of a PC: the printer takes the byte in the data register when the strobe bit rises. */
enum { DATA = 0x378, CONTROL = 0x37a, PORTS = 3, ONLINE = 0x0c, STROBE = 0x0d };

/* Bochs ends when the word "Shutdown" is written to this port. */
enum { SHUTDOWN = 0x8900 };

/* Most bytes in a frame. */
enum { LONGEST = 4096 };

/* What a shell answers for a program that cannot be started. */
enum { NOT_STARTED = 127 };

static void emit(const void *bytes, size_t length)
{
    const uint8_t *from = bytes;
    for (size_t i = 0; i < length; i++) {
        outb(from[i], DATA);
        outb(STROBE, CONTROL);
        outb(ONLINE, CONTROL);
    }
}

static void frame(char kind, const void *bytes, size_t length)
{
    const uint8_t head[3] = {(uint8_t)kind, (uint8_t)(length & 0xff), (uint8_t)(length >> 8)};
    emit(head, sizeof head);
    emit(bytes, length);
}

static _Noreturn void end(char kind, int number)
{
    static const char word[] = "Shutdown";
    const uint8_t value = (uint8_t)number;
    frame(kind, &value, 1);
    for (size_t i = 0; i < sizeof word - 1; i++) {
        outb((uint8_t)word[i], SHUTDOWN);
    }
    for (;;) {
        (void)pause();
    }
}

/* Tells where the program's errors would be why there is no program. */
static _Noreturn void give_up(const char *what)
{
    const char *why = strerror(errno);
    frame('e', what, strlen(what));
    frame('e', ": ", 2);
    frame('e', why, strlen(why));
    frame('e', "\n", 1);
    end('x', NOT_STARTED);
}

/* The strings in a file, as execve wants them. They are never freed: this process ends with the machine. */
static char **strings_in(const char *path)
{
    struct stat about;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &about) != 0) {
        give_up(path);
    }
    size_t size = (size_t)about.st_size;
    char *bytes = calloc(size + 1, 1);
    char **list = calloc(size + 1, sizeof *list); /* a string takes at least its NUL */
    if (bytes == NULL || list == NULL || read(file, bytes, size) != about.st_size) {
        give_up(path);
    }
    (void)close(file);
    size_t count = 0;
    for (size_t at = 0; at < size; at += strlen(bytes + at) + 1) {
        list[count++] = bytes + at;
    }
    return list;
}

static void mount_all(void)
{
    if (mkdir("/proc", 0755) != 0 || mount("proc", "/proc", "proc", 0, NULL) != 0) {
        give_up("/proc");
    }
    if (mkdir("/sys", 0755) != 0 || mount("sysfs", "/sys", "sysfs", 0, NULL) != 0) {
        give_up("/sys");
    }
    if (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) != 0) {
        give_up("/dev");
    }
    if (mkdir("/tmp", 0777) != 0 || chmod("/tmp", 01777) != 0) {
        give_up("/tmp");
    }
}

static bool ports(int allowed)
{
    return ioperm(DATA, PORTS, allowed) == 0 && ioperm(SHUTDOWN, 1, allowed) == 0;
}

static _Noreturn void become_program(char **arguments, char **environment, int output, int error)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (!ports(0) || dup2(nothing, 0) < 0 || dup2(output, 1) < 0 || dup2(error, 2) < 0) {
        _exit(NOT_STARTED);
    }
    (void)execve("/program", arguments, environment);
    static const char sorry[] = "cannot be started: not a static x86-64 ELF program\n";
    ssize_t written = write(2, sorry, sizeof sorry - 1);
    _exit(written < 0 ? 1 : NOT_STARTED);
}

/* Hands on what there is to read; false once the other end is closed. */
static bool hand_on(char kind, struct pollfd *from)
{
    static uint8_t bytes[LONGEST];
    if (from->revents == 0) {
        return true;
    }
    ssize_t length = read(from->fd, bytes, sizeof bytes);
    if (length > 0) {
        frame(kind, bytes, (size_t)length);
        return true;
    }
    (void)close(from->fd);
    from->fd = -1; /* poll leaves it out */
    from->revents = 0;
    return false;
}

static void hand_on_all(int output, int error)
{
    struct pollfd from[2] = {{.fd = output, .events = POLLIN}, {.fd = error, .events = POLLIN}};
    int left = 2;
    while (left > 0) {
        if (poll(from, 2, -1) < 0) {
            give_up("poll");
        }
        left -= hand_on('o', &from[0]) ? 0 : 1;
        left -= hand_on('e', &from[1]) ? 0 : 1;
    }
}

int main(void)
{
    int output[2];
    int error[2];
    int status = 0;
    if (!ports(1)) {
        return 1; /* no way out: the kernel panics, Bochs ends, and the last frame is missing */
    }
    mount_all();
    char **arguments = strings_in("/arguments");
    char **environment = strings_in("/environment");
    if (pipe2(output, O_CLOEXEC) != 0 || pipe2(error, O_CLOEXEC) != 0) {
        give_up("pipe");
    }
    pid_t child = fork();
    if (child < 0) {
        give_up("fork");
    }
    if (child == 0) {
        become_program(arguments, environment, output[1], error[1]);
    }
    (void)close(output[1]);
    (void)close(error[1]);
    hand_on_all(output[0], error[0]);
    if (waitpid(child, &status, 0) != child) {
        give_up("waitpid");
    }
    if (WIFSIGNALED(status)) {
        end('s', WTERMSIG(status));
    }
    end('x', WEXITSTATUS(status));
}
