# Makes openapi.json part of the binary. As a script (-DINPUT -DOUTPUT -P) it writes a C++ source with
# the bytes; included, it adds that source to sluice_api. No tool but CMake is needed, and editing
# the document rebuilds exactly this.
if(DEFINED INPUT)
  file(READ ${INPUT} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
  string(REPLACE "'\\x0a'," "'\\x0a',\n" bytes "${bytes}")
  file(WRITE ${OUTPUT} "#include \"api/openapi.h\"\n\nnamespace sluice::api {\n\nstatic constexpr char kText[] = {\n${bytes}};\n\nstd::string_view openapi_text() { return {kText, sizeof kText}; }\n\n}  // namespace sluice::api\n")
else()
  add_custom_command(
    OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/openapi_text.cc
    COMMAND ${CMAKE_COMMAND} -DINPUT=${CMAKE_CURRENT_LIST_DIR}/openapi.json
            -DOUTPUT=${CMAKE_CURRENT_BINARY_DIR}/openapi_text.cc -P ${CMAKE_CURRENT_LIST_DIR}/openapi.cmake
    DEPENDS ${CMAKE_CURRENT_LIST_DIR}/openapi.json ${CMAKE_CURRENT_LIST_DIR}/openapi.cmake)
  target_sources(sluice_api PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/openapi_text.cc)
endif()
