#include "cli/app_template.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kApp = R"(app: @APP@
functions:
  split:
    runtime: native
    binary: bin/text
    handler: split
    inputs: { text: bytes }
    outputs: { paragraphs: list<text> }
  measure:
    runtime: native
    binary: bin/text
    handler: measure
    inputs: { paragraph: text }
    outputs: { words: int, sentences: int, letters: int }
  summarise:
    runtime: native
    binary: bin/text
    handler: summarise
    # Read while they are still being made.
    inputs: { words: stream<int>, sentences: stream<int>, letters: stream<int> }
    outputs: { paragraphs: int, words: int, words_per_sentence: float, letters_per_word: float }
workflows:
  readability:
    inputs: { text: bytes }
    steps:
      split: { call: split, in: { text: "${inputs.text}" } }
      # One task per paragraph; the first starts while `split` is still emitting.
      measure: { call: measure, foreach: "${split.paragraphs}", in: { paragraph: "${item}" } }
      summarise:
        call: summarise
        in: { words: "${measure.words}", sentences: "${measure.sentences}", letters: "${measure.letters}" }
    outputs:
      paragraphs: ${summarise.paragraphs}
      words: ${summarise.words}
      words_per_sentence: ${summarise.words_per_sentence}
      letters_per_word: ${summarise.letters_per_word}
)";

constexpr std::string_view kCode = R"code(#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <tuple>

#include <sluice/sluice.h>

namespace {

constexpr std::string_view kSpace = " \t\r\n";

// Emits each paragraph; a reader may start on it at once. The text is in shared memory: nothing is copied.
void split(std::string_view text, sluice::Context& task) {
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
    if (text.empty()) return;
    std::size_t end = text.find('\n');
    // A paragraph ends before a line without words.
    while (end != text.npos && text.find_first_not_of(" \t\r", end + 1) != text.find('\n', end + 1)) {
      end = text.find('\n', end + 1);
    }
    const std::string_view paragraph = text.substr(0, end);
    task.emit("paragraphs", paragraph.substr(0, paragraph.find_last_not_of(kSpace) + 1));
    text.remove_prefix(std::min(end, text.size()));
  }
}

// Runs once for every paragraph, several at a time.
std::tuple<std::int64_t, std::int64_t, std::int64_t> measure(std::string_view paragraph) {
  std::int64_t words = 0, sentences = 0, letters = 0;
  bool in_word = false, in_end = false;
  for (const char c : paragraph) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_letter = (byte >= '0' && byte <= '9') || ((byte | 32) >= 'a' && (byte | 32) <= 'z') ||
                           byte == '_' || byte >= 0x80;
    const bool is_end = c == '.' || c == '!' || c == '?';
    words += is_letter && !in_word;
    sentences += is_end && !in_end;
    letters += is_letter && (byte & 0xc0) != 0x80;  // One per character of UTF-8.
    in_word = is_letter;
    in_end = is_end;
  }
  if (sentences == 0) sentences = 1;
  std::printf("%lld words in %lld sentences\n", static_cast<long long>(words),
              static_cast<long long>(sentences));  // sluice logs RUN
  return {words, sentences, letters};
}

double per(std::int64_t a, std::int64_t b) {
  return std::round(10.0 * static_cast<double>(a) / static_cast<double>(b > 0 ? b : 1)) / 10.0;
}

// Reads the measures as they come, in the order of the paragraphs.
std::tuple<std::int64_t, std::int64_t, double, double> summarise(sluice::Stream<std::int64_t> words,
                                                                 sluice::Stream<std::int64_t> sentences,
                                                                 sluice::Stream<std::int64_t> letters) {
  std::int64_t paragraphs = 0, all_words = 0, all_sentences = 0, all_letters = 0;
  while (const auto more = words.next()) {
    paragraphs += 1;
    all_words += *more;
    all_sentences += sentences.next().value();
    all_letters += letters.next().value();
  }
  return {paragraphs, all_words, per(all_words, all_sentences), per(all_letters, all_words)};
}

}  // namespace

int main(int argc, char** argv) {
  return sluice::serve(argc, argv, {{"split", split}, {"measure", measure}, {"summarise", summarise}});
}
)code";

constexpr std::string_view kBuild = R"(cmake_minimum_required(VERSION 3.20)
project(text LANGUAGES CXX)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
find_package(sluice REQUIRED)
add_executable(text text.cc)
target_link_libraries(text PRIVATE sluice::sluice)
# `binary: bin/text` in sluice.yaml.
set_target_properties(text PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_SOURCE_DIR}/bin)
)";

constexpr std::string_view kReadme = R"(# @APP@

A workflow of three functions: `split` cuts a text into paragraphs, `measure` runs once for each of them,
`summarise` adds the numbers up while they arrive. `sluice.yaml` says who uses whose data; `text.cc` is one program
that serves all three. It needs the SDK (`sdk/cpp` of Sluice, installed with `cmake --install`; where that is not a
folder that CMake looks in, add `-DCMAKE_PREFIX_PATH=…`).

    cmake -S @DIR@ -B @DIR@/build && cmake --build @DIR@/build
    sluice serve                       # in a terminal of its own
    sluice deploy @DIR@
    sluice run @APP@.readability -i text=@@DIR@/sample.txt

Then:

    sluice get runs                    # what has run
    sluice logs RUN                    # what the functions printed
    sluice trace RUN -o run.json       # the timeline, for https://ui.perfetto.dev
    sluice validate @DIR@              # after a change: all mistakes, with their lines
)";

}  // namespace

AppTemplate cpp_template() {
  return {{"sluice.yaml", kApp},         {"text.cc", kCode},     {"CMakeLists.txt", kBuild},
          {".sluiceignore", "build/\n"}, {"README.md", kReadme}, {"sample.txt", kSampleText}};
}

}  // namespace sluice::cli
