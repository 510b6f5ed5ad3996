#include "in/program.hpp"

int main(int argc, char** argv) { return inout::in::run(argc, argv); }
