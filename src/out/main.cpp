#include "out/program.hpp"

int main(int argc, char** argv) { return inout::out::run(argc, argv); }
