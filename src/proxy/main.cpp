#include "proxy/program.hpp"

int main(int argc, char** argv) { return inout::proxy::run(argc, argv); }
