#include "cli/app_template.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kApp = R"(app: @APP@
functions:
  split:
    runtime: nodejs
    handler: text.split
    inputs: { text: bytes }
    outputs: { paragraphs: list<text> }
  measure:
    runtime: nodejs
    handler: text.measure
    inputs: { paragraph: text }
    outputs: { measures: json }
  summarise:
    runtime: nodejs
    handler: text.summarise
    inputs: { measures: stream<json> }   # read while they are still being made
    outputs: { summary: json }
workflows:
  readability:
    inputs: { text: bytes }
    steps:
      split: { call: split, in: { text: "${inputs.text}" } }
      # One task per paragraph; the first starts while `split` is still yielding.
      measure: { call: measure, foreach: "${split.paragraphs}", in: { paragraph: "${item}" } }
      summarise: { call: summarise, in: { measures: "${measure.measures}" } }
    outputs:
      summary: ${summarise.summary}
)";

constexpr std::string_view kCode = R"(// Yields each paragraph; a reader may start on it at once.
export function* split({ text }) {
  for (const paragraph of text.toString().split(/\n\s*\n/)) {
    if (paragraph.trim()) yield paragraph.trim();
  }
}

// Runs once for every paragraph, several at a time.
export async function measure({ paragraph }) {
  const words = paragraph.match(/[\p{L}\p{N}_]+/gu) ?? [];
  const sentences = Math.max(1, (paragraph.match(/[.!?]+/g) ?? []).length);
  console.log(`${words.length} words in ${sentences} sentences`);   // sluice logs RUN
  return { words: words.length, sentences, letters: words.reduce((sum, word) => sum + [...word].length, 0) };
}

// Reads the measures as they come, in the order of the paragraphs.
export async function summarise({ measures }) {
  const total = { words: 0, sentences: 0, letters: 0 };
  let paragraphs = 0;
  for await (const part of measures) {
    paragraphs += 1;
    for (const key of Object.keys(total)) total[key] += part[key];
  }
  const per = (a, b) => Math.round((10 * a) / Math.max(1, b)) / 10;
  return {
    paragraphs,
    words: total.words,
    words_per_sentence: per(total.words, total.sentences),
    letters_per_word: per(total.letters, total.words),
  };
}
)";

constexpr std::string_view kReadme = R"(# @APP@

A workflow of three functions: `split` cuts a text into paragraphs, `measure` runs once for each of them,
`summarise` adds the numbers up while they arrive. `sluice.yaml` says who uses whose data; `text.mjs` is plain
JavaScript. The server needs Node.js 20 or newer in its PATH.

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

AppTemplate node_template() {
  return {{"sluice.yaml", kApp},
          {"text.mjs", kCode},
          {"README.md", kReadme},
          {"sample.txt", kSampleText}};
}

}  // namespace sluice::cli
