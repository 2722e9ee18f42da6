# Flags shared by all targets, and the one function that declares a module.
add_library(sluice_flags INTERFACE)
target_include_directories(sluice_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(sluice_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
  -Wimplicit-fallthrough -Wswitch-enum -Wthread-safety -Wno-missing-field-initializers
  -Wno-gnu-zero-variadic-macro-arguments -fno-omit-frame-pointer
  "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")
if(SLUICE_WERROR)
  target_compile_options(sluice_flags INTERFACE -Werror)
endif()
target_compile_definitions(sluice_flags INTERFACE _GLIBCXX_ASSERTIONS)
# Where Debian's default Boost 1.74 is in use, ./dev unpacks the headers of 1.81 aside.
set(SLUICE_BOOST_INCLUDE "" CACHE PATH "Headers of Boost 1.81 or newer, where they are not the system's")
if(SLUICE_BOOST_INCLUDE)
  target_include_directories(sluice_flags SYSTEM BEFORE INTERFACE ${SLUICE_BOOST_INCLUDE})
endif()
target_link_options(sluice_flags INTERFACE -fuse-ld=lld)
if(SLUICE_SANITIZE)
  target_compile_options(sluice_flags INTERFACE -fsanitize=${SLUICE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(sluice_flags INTERFACE -fsanitize=${SLUICE_SANITIZE})
endif()
if(SLUICE_FUZZ)
  target_compile_options(sluice_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)

# sluice_module(NAME [DEPS module…] [LIBS library…])
#   builds src/NAME/*.cc (and internal/ below it) as `sluice_NAME`, and every *_test.cc beside
#   the code as `test_NAME`: a test file cannot be forgotten.
function(sluice_module name)
  cmake_parse_arguments(arg "" "" "DEPS;LIBS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  set(deps ${arg_DEPS})
  list(TRANSFORM deps PREPEND sluice_)
  if(sources)
    add_library(sluice_${name} STATIC ${sources})
    target_link_libraries(sluice_${name} PUBLIC sluice_flags ${deps} ${arg_LIBS} fmt::fmt Threads::Threads)
  else()
    add_library(sluice_${name} INTERFACE)
    target_link_libraries(sluice_${name} INTERFACE sluice_flags ${deps} ${arg_LIBS} fmt::fmt Threads::Threads)
  endif()
  # The thread sanitizer has nothing to find in modules that are pure or run on one thread.
  if(tests AND (NOT SLUICE_THREADED_ONLY OR "${name}" MATCHES "^(aio|runtime|store|journal|api|node)$"))
    sluice_test(test_${name} SOURCES ${tests} DEPS sluice_${name})
  endif()
endfunction()

# sluice_test(NAME SOURCES … DEPS …): one GoogleTest binary, one ctest entry.
function(sluice_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE sluice_flags ${arg_DEPS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_options(${name} PRIVATE -Xclang -fno-pch-timestamp)
  target_precompile_headers(${name} PRIVATE <gtest/gtest.h> <string> <vector>)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 600)
endfunction()

# sluice_fuzzer(NAME SOURCES … DEPS …): one libFuzzer binary `fuzz_NAME`, built where SLUICE_FUZZ is
# on. Its corpus is tests/fuzz/corpus/NAME. The list of all fuzzers is what `./dev fuzz` and
# `./dev test` run, so that a new one cannot be forgotten there.
add_custom_target(fuzzers)
file(WRITE ${CMAKE_BINARY_DIR}/fuzzers.txt "")
function(sluice_fuzzer name)
  if(NOT SLUICE_FUZZ)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(fuzz_${name} ${arg_SOURCES})
  target_link_libraries(fuzz_${name} PRIVATE sluice_flags ${arg_DEPS})
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  add_dependencies(fuzzers fuzz_${name})
  file(APPEND ${CMAKE_BINARY_DIR}/fuzzers.txt "${name}\n")
endfunction()
