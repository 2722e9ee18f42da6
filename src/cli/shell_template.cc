#include "cli/app_template.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kApp = R"(app: @APP@
workflows:
  readability:
    inputs: { text: bytes }
    steps:
      # Each paragraph becomes a file, and leaves as soon as the next one is begun.
      split:
        run: |
          awk 'BEGIN { RS = "" } { name = sprintf("paragraph-%06d", NR); print > name; close(name) }'
        in: { stdin: "${inputs.text}" }
        out: { paragraphs: "paragraph-*" }
      # One task per paragraph; the first starts while `split` is still running.
      measure:
        foreach: ${split.paragraphs}
        run: |
          tee copy | tr -cs '[:alnum:]_' '\n' | awk 'NF { words++; letters += length($0) }
            END { printf "%d %d ", words, letters }'
          tr -cs '.!?' '\n' < copy | awk 'NF { sentences++ } END { print sentences ? sentences : 1 }'
          echo "$(wc -l < copy) lines" >&2       # sluice logs RUN
        in: { stdin: "${item}" }
      # A list is one argument each.
      summarise:
        run: |
          printf '%s' ${measure.result} | awk '
            function per(a, b) { return sprintf("%.1f", a / (b ? b : 1)) }
            { words += $1; letters += $2; sentences += $3 }
            END { printf "{\"paragraphs\": %d, \"words\": %d, ", NR, words
                  printf "\"words_per_sentence\": %s, ", per(words, sentences)
                  printf "\"letters_per_word\": %s}", per(letters, words) }'
        out: { summary: { path: "-", type: json } }
    outputs:
      summary: ${summarise.summary}
)";

constexpr std::string_view kReadme = R"(# @APP@

A workflow of three commands: `split` cuts a text into paragraphs, `measure` runs once for each of them,
`summarise` adds the numbers up. `sluice.yaml` is all there is: it says what runs, and who uses whose data.

    sluice serve                       # in a terminal of its own
    sluice deploy @DIR@
    sluice run @APP@.readability -i text=@@DIR@/sample.txt

Then:

    sluice get runs                    # what has run
    sluice logs RUN                    # what the commands wrote to standard error
    sluice trace RUN -o run.json       # the timeline, for https://ui.perfetto.dev
    sluice validate @DIR@              # after a change: all mistakes, with their lines
)";

}  // namespace

AppTemplate shell_template() {
  return {{"sluice.yaml", kApp}, {"README.md", kReadme}, {"sample.txt", kSampleText}};
}

}  // namespace sluice::cli
