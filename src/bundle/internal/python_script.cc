#include "bundle/internal/python_script.h"

// The assembler copies the file of the SDK as it is: one text for the program and for code-first
// Python.
__asm__(
    ".pushsection .rodata\n"
    ".global sluice_python_script_begin\n"
    ".global sluice_python_script_end\n"
    "sluice_python_script_begin:\n"
    ".incbin \"" SLUICE_PYTHON_SCRIPT
    "\"\n"
    "sluice_python_script_end:\n"
    ".byte 0\n"
    ".popsection\n");
extern "C" const char sluice_python_script_begin[];
extern "C" const char sluice_python_script_end[];

namespace sluice::bundle {

std::string_view python_script() {
  return {sluice_python_script_begin,
          static_cast<std::size_t>(sluice_python_script_end - sluice_python_script_begin)};
}

}  // namespace sluice::bundle
