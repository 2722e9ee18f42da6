#include "cli/app_template.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kApp = R"(app: @APP@
functions:
  split:
    runtime: python3
    handler: text.split
    inputs: { text: bytes }
    outputs: { paragraphs: list<text> }
  measure:
    runtime: python3
    handler: text.measure
    inputs: { paragraph: text }
    outputs: { measures: json }
  summarise:
    runtime: python3
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

constexpr std::string_view kCode = R"(import re


def split(text: bytes):
    """Yields each paragraph; a reader may start on it at once."""
    for paragraph in re.split(r"\n\s*\n", text.decode("utf-8", "replace")):
        if paragraph.strip():
            yield paragraph.strip()


def measure(paragraph: str):
    """Runs once for every paragraph, several at a time."""
    words = re.findall(r"\w+", paragraph)
    sentences = max(1, len(re.findall(r"[.!?]+", paragraph)))
    print(f"{len(words)} words in {sentences} sentences")  # sluice logs RUN
    return {
        "words": len(words),
        "sentences": sentences,
        "letters": sum(len(word) for word in words),
    }


def summarise(measures):
    """Reads the measures as they come, in the order of the paragraphs."""
    total = {"words": 0, "sentences": 0, "letters": 0}
    paragraphs = 0
    for part in measures:
        paragraphs += 1
        for key in total:
            total[key] += part[key]
    return {
        "paragraphs": paragraphs,
        "words": total["words"],
        "words_per_sentence": round(total["words"] / max(1, total["sentences"]), 1),
        "letters_per_word": round(total["letters"] / max(1, total["words"]), 1),
    }
)";

constexpr std::string_view kReadme = R"(# @APP@

A workflow of three functions: `split` cuts a text into paragraphs, `measure` runs once for each of them,
`summarise` adds the numbers up while they arrive. `sluice.yaml` says who uses whose data; `text.py` is plain
Python.

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

AppTemplate python_template() {
  return {{"sluice.yaml", kApp},
          {"text.py", kCode},
          {"README.md", kReadme},
          {"sample.txt", kSampleText}};
}

}  // namespace sluice::cli
