// The commands for runs: starting, looking, answering, stopping.

#include "cli/commands.h"

namespace sluice::cli {
namespace {

OptionText run_id(std::string& target) {
  return {.names = "RUN",
          .help = "the run's id",
          .target = &target,
          .required = true,
          .completes = Completes::kRun};
}

CommandText describe_run(Words& words) {
  return {
      .name = "run",
      .chapter = Chapter::kRuns,
      .synopsis = "WORKFLOW",
      .summary = "start a run, wait for it, show its outputs",
      .help = "Starts a run, waits for its end and shows its outputs. Ctrl-C cancels it.",
      .example =
          "  sluice run wordcount -i text=@book.txt -i parts=4\n"
          "  curl -s https://example.org/book.txt | sluice run wordcount -i text=@- -o raw > "
          "total.json",
      .options = {
          {.names = "WORKFLOW",
           .help = "APP.WORKFLOW, or WORKFLOW while only one app has it",
           .target = &words.run.workflow,
           .required = true,
           .completes = Completes::kWorkflow},
          {.names = "-i,--input",
           .help =
               "NAME=VALUE; NAME=@FILE and NAME=@- (standard input) are streamed; several times "
               "for a list",
           .target = &words.inputs,
           .placeholder = "INPUT",
           .completes = Completes::kFile},
          {.names = "--json",
           .help = "inputs from a JSON file of names and values (-: standard input)",
           .target = &words.run.json_path,
           .placeholder = "FILE",
           .completes = Completes::kFile},
          {.names = "--detach",
           .help = "print the run's id and do not wait",
           .target = &words.run.detach},
          {.names = "--timeout",
           .help = "the run's deadline: 30s, 10m, 2h (then exit code 124)",
           .target = &words.run.timeout,
           .placeholder = "TIME"},
          {.names = "--out",
           .help = "save every output as a file in DIR",
           .target = &words.run.out_directory,
           .placeholder = "DIR",
           .completes = Completes::kFolder},
          {.names = "--key",
           .help = "idempotency key: with the same key and inputs it is the same run",
           .target = &words.run.key,
           .placeholder = "KEY"},
          {.names = "--output",
           .help = "which output -o raw writes",
           .target = &words.run.output,
           .placeholder = "NAME"},
          format_option(
              words, {"table", "json", "raw"},
              "table (default); json: the run as a document; raw: the bytes of the only output")}};
}

CommandText describe_get(Words& words) {
  return {.name = "get",
          .chapter = Chapter::kRuns,
          .synopsis = "KIND [ID]",
          .summary = "list or show runs, workflows, functions, workers, nodes",
          .help = "Lists runs, workflows, functions, workers or nodes, or shows one.",
          .example = "  sluice get runs --state FAILED\n  sluice get workflows wordcount -o yaml",
          .options = {{.names = "KIND",
                       .help = "runs, workflows, functions, workers or nodes",
                       .target = &words.get.kind,
                       .required = true,
                       .choices = {"runs", "workflows", "functions", "workers", "nodes"},
                       // People say `get run ID`, and nothing else can be meant.
                       .aliases = {{"run", "runs"},
                                   {"workflow", "workflows"},
                                   {"function", "functions"},
                                   {"worker", "workers"},
                                   {"node", "nodes"}}},
                      {.names = "ID",
                       .help = "one of them",
                       .target = &words.get.id,
                       .completes = Completes::kThing},
                      {.names = "--workflow",
                       .help = "only runs of this workflow",
                       .target = &words.get.workflow,
                       .placeholder = "NAME",
                       .completes = Completes::kWorkflow},
                      {.names = "--state",
                       .help = "only runs in this state",
                       .target = &words.get.state,
                       .placeholder = "STATE",
                       .suggestions = {"QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED",
                                       "TIMED_OUT"}},
                      {.names = "--task",
                       .help = "of a run with `keep: all`: write what this task has given, as it "
                               "is (its path: `count.3`)",
                       .target = &words.get.task,
                       .placeholder = "TASK"},
                      {.names = "--output",
                       .help = "with --task: which output; NAME/3 is an element of a list",
                       .target = &words.get.output,
                       .placeholder = "NAME"},
                      {.names = "--limit",
                       .help = "at most so many runs (default 50), the newest first",
                       .target = &words.get.limit,
                       .placeholder = "N",
                       .least = 1,
                       .most = 10'000},
                      format_option(words, {"table", "json", "yaml", "name"},
                                    "table (default), json, yaml or name")}};
}

CommandText describe_answer(Words& words) {
  return {.name = "answer",
          .chapter = Chapter::kRuns,
          .synopsis = "RUN STEP",
          .summary = "give a step that waits for an answer its outputs",
          .help = "Answers a step that waits for an answer.",
          .example = "  sluice answer 01jd3k0c7w8fqzv5m2n6x4r9ta approve -i ok=true",
          .options = {run_id(words.answer.run),
                      {.names = "STEP",
                       .help = "the step, or the path of its task: approve.7",
                       .target = &words.answer.step,
                       .required = true},
                      {.names = "--index",
                       .help = "which element, where the step is a foreach",
                       .target = &words.answer.index,
                       .placeholder = "I"},
                      {.names = "-i,--input",
                       .help = "NAME=VALUE of an output: JSON where it is JSON, else text",
                       .target = &words.answer.inputs,
                       .placeholder = "OUTPUT"}}};
}

}  // namespace

void describe_run_commands(Words& words, std::vector<CommandText>& commands) {
  commands.push_back(describe_run(words));
  commands.push_back(describe_get(words));
  commands.push_back({.name = "logs",
                      .chapter = Chapter::kRuns,
                      .synopsis = "RUN",
                      .summary = "what the functions of a run printed",
                      .help = "Prints what the functions of a run printed.",
                      .example = "  sluice logs 01jd3k0c7w8fqzv5m2n6x4r9ta --step count -f",
                      .options = {run_id(words.logs.run),
                                  {.names = "--step",
                                   .help = "only of this step",
                                   .target = &words.logs.step,
                                   .placeholder = "STEP"},
                                  {.names = "-f,--follow",
                                   .help = "go on until the run has ended",
                                   .target = &words.logs.follow}}});
  commands.push_back(
      {.name = "trace",
       .chapter = Chapter::kRuns,
       .synopsis = "RUN",
       .summary = "the timeline of a run, for https://ui.perfetto.dev",
       .help = "Prints the timeline of a run as Chrome trace events.",
       .example =
           "  sluice trace 01jd3k0c7w8fqzv5m2n6x4r9ta -o run.json   # open in ui.perfetto.dev",
       .options = {run_id(words.trace.run),
                   {.names = "-o,--output",
                    .help = "write to FILE",
                    .target = &words.trace.file,
                    .placeholder = "FILE",
                    .completes = Completes::kFile}}});
  commands.push_back(describe_answer(words));
  commands.push_back({.name = "cancel",
                      .chapter = Chapter::kRuns,
                      .synopsis = "RUN",
                      .summary = "stop a run",
                      .help = "Stops a run.",
                      .example = "  sluice cancel 01jd3k0c7w8fqzv5m2n6x4r9ta",
                      .options = {run_id(words.cancel.run)}});
  commands.push_back({.name = "delete",
                      .chapter = Chapter::kRuns,
                      .synopsis = "app|run NAME",
                      .summary = "remove an app, or a run that has ended",
                      .help = "Removes an app, or a run that has ended.",
                      .example = "  sluice delete app wordcount",
                      .options = {{.names = "KIND",
                                   .help = "app or run",
                                   .target = &words.remove.kind,
                                   .required = true,
                                   .choices = {"app", "run"}},
                                  {.names = "NAME",
                                   .help = "the app's name or the run's id",
                                   .target = &words.remove.name,
                                   .required = true,
                                   .completes = Completes::kThing}}});
}

}  // namespace sluice::cli
