// In a fully static program: what libraries call for the C library's name service (NSS) and for
// loading modules, and would get from the machine where the program runs. None of these is ever
// called: asio and OpenSSL look up no name here (net/name_server does), c-ares no service, and
// OpenSSL loads no module. So they answer that there is nothing. The linker puts them in the place
// of the C library's (ld(1), --wrap; cmake/Static.cmake). Any thread.
#include <netdb.h>
#include <sys/socket.h>

#include <cstddef>

// The linker makes these names of those that it replaces.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {

int __wrap_getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**) { return EAI_FAIL; }
void __wrap_freeaddrinfo(addrinfo*) {}
const char* __wrap_gai_strerror(int) { return "no name service"; }
int __wrap_getnameinfo(const sockaddr*, socklen_t, char*, socklen_t, char*, socklen_t, int) {
    return EAI_FAIL;
}
hostent* __wrap_gethostbyname(const char*) { return nullptr; }
servent* __wrap_getservbyname(const char*, const char*) { return nullptr; }
int __wrap_getservbyport_r(int, const char*, servent*, char*, std::size_t, servent** result) {
    *result = nullptr;
    return 0;
}

void* __wrap_dlopen(const char*, int) { return nullptr; }
void* __wrap_dlsym(void*, const char*) { return nullptr; }
int __wrap_dlclose(void*) { return -1; }
char* __wrap_dlerror() {
    static char text[] = "no modules";
    return text;
}
int __wrap_dladdr(const void*, void*) { return 0; }
}
// NOLINTEND(bugprone-reserved-identifier)
