#include <array>
#include <cstdlib>

#include "model/keys.h"

namespace sluice::model {
namespace {

// What the examples of steps call and read. All of it is checked by a test.
constexpr std::string_view kSetting = R"(app: example
functions:
  split: { runtime: python3, handler: words.split, inputs: { text: text }, outputs: { parts: list<text> } }
  count: { runtime: python3, handler: words.count, inputs: { part: text }, outputs: { n: int } }
  sum: { runtime: python3, handler: words.sum, inputs: { ns: stream<int> }, outputs: { total: int } }
  mail: { runtime: python3, handler: words.mail, inputs: { text: text }, outputs: { id: text } }
workflows:
  count_all:
    inputs: { text: text }
    steps: { count: { call: count, in: { part: "${inputs.text}" } } }
    outputs: { n: "${count.n}" }
)";

constexpr std::array<KeyExample, 3> kApp{
    {{"app", "", "app: wordcount\nworkflows: { rest: { steps: { pause: { wait: 1s } } } }\n"},
     {"functions", "none",
      "app: wordcount\nfunctions:\n  count: { runtime: python3, handler: words.count, inputs: { "
      "part: "
      "text }, outputs: { n: int } }\nworkflows: { rest: { steps: { pause: { wait: 1s } } } }\n"},
     {"workflows", "",
      "app: wordcount\nworkflows:\n  double:\n    inputs: { n: int }\n    steps: { double: { set: "
      "{ "
      "n: \"${inputs.n * 2}\" } } }\n    outputs: { n: \"${double.n}\" }\n"}}};

constexpr std::string_view kFunctionExample =
    "count: { runtime: python3, handler: words.count, inputs: { part: text }, outputs: { n: int } "
    "}";

constexpr std::array<KeyExample, 13> kFunction{
    {{"runtime", "", kFunctionExample},
     {"handler", "", kFunctionExample},
     {"binary", "the code is no program of its own",
      "shout: { runtime: native, binary: bin/words, handler: shout, inputs: { text: text }, "
      "outputs: { loud: text } }"},
     {"inputs", "the parameters in the code",
      "merge: { runtime: python3, handler: words.merge, inputs: { counts: stream<json>, top: { "
      "type: "
      "int, default: 10 } }, outputs: { total: json } }"},
     {"outputs", "the annotation of the result in the code; `result` if it has no name",
      "split: { runtime: python3, handler: words.split, inputs: { text: bytes }, outputs: { "
      "chunks: "
      "list<bytes>, size: int } }"},
     {"resources", "one processor, memory as the node shares it out",
      "count: { runtime: python3, handler: words.count, inputs: { part: text }, outputs: { n: int "
      "}, "
      "resources: { cpu: 0.5, memory: 256Mi } }"},
     {"timeout", "no limit",
      "count: { runtime: python3, handler: words.count, inputs: { part: text }, outputs: { n: int "
      "}, "
      "timeout: 30s }"},
     {"retry", "one attempt",
      "fetch: { runtime: python3, handler: web.fetch, inputs: { url: text }, outputs: { page: "
      "bytes }, "
      "retry: { attempts: 3 } }"},
     {"env", "none",
      "count: { runtime: python3, handler: words.count, inputs: { part: text }, outputs: { n: int "
      "}, "
      "env: { LANG: C.UTF-8 } }"},
     {"replay", "it may be run again",
      "mail: { runtime: python3, handler: post.mail, inputs: { text: text }, outputs: { id: text "
      "}, "
      "replay: never }"},
     {"cache", "false",
      "embed: { runtime: python3, handler: model.embed, inputs: { text: text }, outputs: { vector: "
      "array }, cache: true }"},
     {"parallel", "1",
      "fetch: { runtime: python3, handler: web.fetch, inputs: { url: text }, outputs: { page: "
      "bytes }, "
      "parallel: 8 }"},
     {"workers", "as many as there is work and room for",
      "embed: { runtime: python3, handler: model.embed, inputs: { text: text }, outputs: { vector: "
      "array }, workers: { min: 1, max: 4, idle: 5m } }"}}};

constexpr std::array<KeyExample, 2> kPort{
    {{"type", "`any`",
      "split: { runtime: python3, handler: words.split, inputs: { text: { type: bytes } }, "
      "outputs: { "
      "chunks: list<bytes> } }"},
     {"default", "none: something must be given, unless the type is optional<T>",
      "split: { runtime: python3, handler: words.split, inputs: { text: bytes, parts: { type: int, "
      "default: 8 } }, outputs: { chunks: list<bytes> } }"}}};

constexpr std::array<KeyExample, 2> kResources{{{"cpu", "1",
                                                 "count: { runtime: python3, handler: words.count, "
                                                 "inputs: { part: text }, outputs: { n: int }, "
                                                 "resources: { cpu: 2 } }"},
                                                {"memory", "as the node shares it out",
                                                 "count: { runtime: python3, handler: words.count, "
                                                 "inputs: { part: text }, outputs: { n: int }, "
                                                 "resources: { memory: 1.5Gi } }"}}};

constexpr std::string_view kRetryExample =
    "fetch: { runtime: python3, handler: web.fetch, inputs: { url: text }, outputs: { page: bytes "
    "}, "
    "retry: { attempts: 5, backoff: 500ms, factor: 3, max_backoff: 20s, jitter: none, errors: "
    "[Timeout, ConnectionError] } }";

constexpr std::array<KeyExample, 6> kRetry{
    {{"attempts", "", kRetryExample},
     {"backoff", "1s", kRetryExample},
     {"factor", "2", kRetryExample},
     {"max_backoff", "1m", kRetryExample},
     {"jitter", "full", kRetryExample},
     {"errors",
      "all but `LoadError`, `InvalidInput`, `InvalidOutput`, `BadExpression`, `TooLarge` and "
      "`LoopLimit`, which are never tried again",
      kRetryExample}}};

constexpr std::string_view kWorkersExample =
    "embed: { runtime: python3, handler: model.embed, inputs: { text: text }, outputs: { vector: "
    "array "
    "}, workers: { min: 1, max: 4, idle: 5m } }";

constexpr std::array<KeyExample, 3> kWorkers{
    {{"min", "0", kWorkersExample},
     {"max", "as many as the node allows", kWorkersExample},
     {"idle", "as the node is configured", kWorkersExample}}};

constexpr std::array<KeyExample, 7> kWorkflow{
    {{"inputs", "none",
      "one:\n  inputs: { text: text, times: { type: int, default: 1 } }\n  steps: { set: { set: { "
      "out: "
      "\"${inputs.text} ${inputs.times}\" } } }\n  outputs: { out: \"${set.out}\" }\n"},
     {"steps", "",
      "two:\n  inputs: { text: text }\n  steps:\n    split: { call: split, in: { text: "
      "\"${inputs.text}\" } }\n    count: { call: count, foreach: \"${split.parts}\", in: { part: "
      "\"${item}\" } }\n  outputs: { counts: \"${count.n}\" }\n"},
     {"outputs", "none",
      "three:\n  steps: { answer: { set: { n: 42 } } }\n  outputs: { n: \"${answer.n}\", twice: "
      "\"${answer.n * 2}\", unit: pieces }\n"},
     {"timeout", "no limit", "four:\n  timeout: 10m\n  steps: { pause: { wait: 1s } }\n"},
     {"on_failure", "`stop`", "five:\n  on_failure: continue\n  steps: { pause: { wait: 1s } }\n"},
     {"durability", "as the server is configured",
      "six:\n  durability: express\n  steps: { pause: { wait: 1s } }\n"},
     {"keep", "`outputs`", "seven:\n  keep: all\n  steps: { pause: { wait: 1s } }\n"}}};

constexpr std::string_view kCallExample =
    "split: { call: split, in: { text: \"${inputs.text}\" } }";
constexpr std::string_view kForeachExample =
    "count: { call: count, foreach: \"${inputs.parts}\", concurrency: 4, in: { part: \"${item}\" } "
    "}";
constexpr std::string_view kLoopExample =
    "halve: { set: { n: \"${first(previous.n, inputs.n) / 2}\" }, while: \"${previous.n > 1}\", "
    "max: "
    "100 }";
constexpr std::string_view kSwitchExample =
    "choose: { switch: [ { when: \"${inputs.n > 10}\", call: count, in: { part: \"${inputs.text}\" "
    "} }, "
    "{ set: { n: 0 } } ] }";

constexpr std::string_view kRunExample =
    "cut: { run: [split, -l, \"${inputs.n}\", \"-\", part-], in: { stdin: \"${inputs.text}\" }, "
    "out: { parts: \"part-*\" } }";
constexpr std::array<KeyExample, 22> kStep{
    {{"call", "", kCallExample},
     {"run", "", "sorted: { run: \"sort ${inputs.text} | uniq -c\" }"},
     {"out", "`result: -`", kRunExample},
     {"flow", "", "inner: { flow: count_all, in: { text: \"${inputs.text}\" } }"},
     {"set", "", "next: { set: { n: \"${inputs.n + 1}\", parts: [\"${inputs.text}\", end] } }"},
     {"wait", "", "approve: { wait: { approved: bool, note: optional<text> } }"},
     {"fail", "",
      "refuse: { fail: { name: TooMany, message: \"${inputs.n} is too many\" }, when: \"${inputs.n "
      "> "
      "100}\" }"},
     {"switch", "", kSwitchExample},
     {"in", "nothing is given", kCallExample},
     {"foreach", "one task", kForeachExample},
     {"concurrency", "as many as the node runs", kForeachExample},
     {"when", "it runs always",
      "mail: { call: mail, when: \"${inputs.n > 3 && inputs.ok}\", in: { text: \"${inputs.text}\" "
      "} }"},
     {"after", "none", "mail: { call: mail, after: [before], in: { text: \"${inputs.text}\" } }"},
     {"while", "one round", kLoopExample},
     {"max", "", kLoopExample},
     {"retry", "that of the function",
      "split: { call: split, retry: { attempts: 3, errors: [Timeout] }, in: { text: "
      "\"${inputs.text}\" } }"},
     {"timeout", "that of the function",
      "split: { call: split, timeout: 30s, in: { text: \"${inputs.text}\" } }"},
     {"catch", "a failure fails the workflow",
      "count: { call: count, in: { part: \"${inputs.text}\" }, catch: { errors: [Timeout], set: { "
      "n: 0 "
      "} } }"},
     {"start", "`auto`: workers are prepared early, the code starts once its inputs are there",
      "split: { call: split, start: ready, in: { text: \"${inputs.text}\" } }"},
     {"replay", "that of the function",
      "mail: { call: mail, replay: never, in: { text: \"${inputs.text}\" } }"},
     {"cache", "that of the function",
      "split: { call: split, cache: true, in: { text: \"${inputs.text}\" } }"},
     {"resources", "those of the function",
      "split: { call: split, resources: { memory: 1Gi }, in: { text: \"${inputs.text}\" } }"}}};

constexpr std::string_view kFailExample =
    "refuse: { fail: { name: TooMany, message: \"${inputs.n} is too many\" }, when: \"${inputs.n > "
    "100}\" }";
constexpr std::array<KeyExample, 2> kFailure{
    {{"name", "", kFailExample}, {"message", "no message", kFailExample}}};

constexpr std::string_view kBranchActions =
    "choose: { switch: [ { when: \"${inputs.n > 9}\", call: count, in: { part: \"${inputs.text}\" "
    "} }, { "
    "when: \"${inputs.n > 6}\", flow: count_all, in: { text: \"${inputs.text}\" } }, { when: "
    "\"${inputs.n > 3}\", set: { n: 0 } }, { when: \"${inputs.ok}\", wait: 5s }, { fail: { name: "
    "None } "
    "} ] }";
constexpr std::string_view kBranchRun =
    "stamp: { switch: [ { when: \"${inputs.ok}\", run: [date], out: { now: \"-\" } }, { set: { "
    "now: "
    "unknown } } ] }";
constexpr std::array<KeyExample, 9> kBranch{
    {{"when", "the branch is taken where none before it was: only of the last", kBranchActions},
     {"call", "", kBranchActions},
     {"run", "", kBranchRun},
     {"out", "`result: -`", kBranchRun},
     {"flow", "", kBranchActions},
     {"set", "", kBranchActions},
     {"wait", "", kBranchActions},
     {"fail", "", kBranchActions},
     {"in", "nothing is given", kBranchActions}}};

constexpr std::string_view kClauseActions =
    "count: { call: count, in: { part: \"${inputs.text}\" }, catch: [ { errors: [Timeout], call: "
    "count, "
    "in: { part: short } }, { errors: [Crash], flow: count_all, in: { text: \"${error.message}\" } "
    "}, { "
    "errors: [TooLarge], set: { n: -1 } }, { errors: [OutOfMemory], wait: 5s }, { errors: "
    "[LoadError], "
    "fail: { name: NotInstalled, message: \"${error.message}\" } }, {} ] }";
constexpr std::string_view kClauseRun =
    "count: { call: count, in: { part: \"${inputs.text}\" }, catch: { run: [wc, -w], in: { stdin: "
    "\"${inputs.text}\" }, out: { n: { path: \"-\", type: int } } } }";
constexpr std::array<KeyExample, 9> kClause{{{"errors", "all", kClauseActions},
                                             {"call", "", kClauseActions},
                                             {"run", "", kClauseRun},
                                             {"out", "`result: -`", kClauseRun},
                                             {"flow", "", kClauseActions},
                                             {"set", "", kClauseActions},
                                             {"wait", "", kClauseActions},
                                             {"fail", "", kClauseActions},
                                             {"in", "nothing is given", kClauseActions}}};

constexpr std::string_view kProductExample =
    "probe: { run: [probe, \"${inputs.text}\"], out: { info: { path: \"-\", type: json }, parts: { "
    "path: "
    "\"part-*\", emit: closed } } }";
constexpr std::array<KeyExample, 3> kProduct{
    {{"path", "", kProductExample},
     {"type", "`file`, of a glob `list<file>`, of `-` `text`", kProductExample},
     {"emit", "when the next file is opened, or the program ends", kProductExample}}};

}  // namespace

std::string_view example_setting() { return kSetting; }

std::span<const KeyExample> key_examples(Section section) {
  switch (section) {
    case Section::kApp:
      return kApp;
    case Section::kFunction:
      return kFunction;
    case Section::kPort:
      return kPort;
    case Section::kResources:
      return kResources;
    case Section::kRetry:
      return kRetry;
    case Section::kWorkers:
      return kWorkers;
    case Section::kWorkflow:
      return kWorkflow;
    case Section::kStep:
      return kStep;
    case Section::kFailure:
      return kFailure;
    case Section::kBranch:
      return kBranch;
    case Section::kClause:
      return kClause;
    case Section::kProduct:
      return kProduct;
  }
  std::abort();  // Every section is named above.
}

}  // namespace sluice::model
