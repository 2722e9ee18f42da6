// What people write who know other workflow languages, and what to tell them.

#include <array>
#include <cstdlib>

#include "model/keys.h"

namespace sluice::model {
namespace {

constexpr std::string_view kAttempts = "write 'attempts': all of them, the first included";
constexpr std::string_view kHandler = "write 'handler: MODULE.FUNCTION'";
constexpr std::string_view kIn = "did you mean 'in'?";
constexpr std::string_view kElse = "write it as the last branch of a 'switch', without a 'when'";
constexpr std::string_view kFirst =
    "write ${first(a.x, b.x)} for the first that is not absent, ${present(a.x, "
    "b.x)} for all";
constexpr std::string_view kOrder =
    "a step waits for the data it uses; for "
    "order without data write 'after: [STEP]'";
constexpr std::string_view kOwnFlow =
    "a branch and a 'catch' have an action and 'in', nothing more: make a "
    "workflow of it and call "
    "it with 'flow'";

constexpr std::array<KeyHint, 5> kApp{
    {{"name", "did you mean 'app'?"},
     {"version", "versions are counted by the server: remove it"},
     {"workflow", "write 'workflows: { NAME: { steps: ... } }'"},
     {"steps", "steps belong to a workflow: 'workflows: { NAME: { steps: ... } }'"},
     {"function", "did you mean 'functions'?"}}};
constexpr std::array<KeyHint, 17> kFunction{
    {{"language", "write 'runtime: python3'"},
     {"lang", "write 'runtime: python3'"},
     {"entrypoint", kHandler},
     {"entry", kHandler},
     {"code", kHandler},
     {"module", kHandler},
     {"file", kHandler},
     {"function", kHandler},
     {"memory", "write 'resources: { memory: 256Mi }'"},
     {"cpu", "write 'resources: { cpu: 1 }'"},
     {"environment", "did you mean 'env'?"},
     {"in", "did you mean 'inputs'?"},
     {"out", "did you mean 'outputs'?"},
     {"concurrency", "'concurrency' belongs to a step with 'foreach'"},
     {"retries", "write 'retry: { attempts: 3 }'"},
     {"start", "'start' belongs to a step"},
     {"catch", "'catch' belongs to a step"}}};
constexpr std::array<KeyHint, 4> kPort{
    {{"optional", "write the type as optional<T>"},
     {"required",
      "every input is required unless its type is optional<T> or "
      "it has a default"},
     {"nullable", "write the type as optional<T>"},
     {"value", "did you mean 'default'?"}}};
constexpr std::array<KeyHint, 3> kResources{{{"mem", "did you mean 'memory'?"},
                                             {"cpus", "did you mean 'cpu'?"},
                                             {"ram", "did you mean 'memory'?"}}};
constexpr std::array<KeyHint, 14> kRetry{{{"max", kAttempts},
                                          {"max_attempts", kAttempts},
                                          {"maxAttempts", kAttempts},
                                          {"retries", kAttempts},
                                          {"count", kAttempts},
                                          {"limit", kAttempts},
                                          {"times", kAttempts},
                                          {"on", "write 'errors: [NAME]'"},
                                          {"delay", "did you mean 'backoff'?"},
                                          {"interval", "did you mean 'backoff'?"},
                                          {"wait", "did you mean 'backoff'?"},
                                          {"multiplier", "did you mean 'factor'?"},
                                          {"max_delay", "did you mean 'max_backoff'?"},
                                          {"backoff_max", "did you mean 'max_backoff'?"}}};
constexpr std::array<KeyHint, 2> kWorkers{
    {{"count", "write { min: 1, max: 4 }"}, {"keep_alive", "did you mean 'idle'?"}}};
constexpr std::array<KeyHint, 8> kWorkflow{{{"tasks", "did you mean 'steps'?"},
                                            {"jobs", "did you mean 'steps'?"},
                                            {"nodes", "did you mean 'steps'?"},
                                            {"results", "did you mean 'outputs'?"},
                                            {"returns", "did you mean 'outputs'?"},
                                            {"on_error", "did you mean 'on_failure'?"},
                                            {"retry", "'retry' belongs to a step"},
                                            {"deadline", "did you mean 'timeout'?"}}};
constexpr std::array<KeyHint, 36> kStep{
    {{"inputs", kIn},
     {"input", kIn},
     {"with", kIn},
     {"args", kIn},
     {"params", kIn},
     {"parameters", kIn},
     {"arguments", kIn},
     {"output", "outputs are declared by the function, or by 'set'"},
     {"outputs", "outputs are declared by the function, or by 'set'"},
     {"uses", "did you mean 'call'?"},
     {"function", "did you mean 'call'?"},
     {"task", "did you mean 'call'?"},
     {"workflow", "did you mean 'flow'?"},
     {"for_each", "did you mean 'foreach'?"},
     {"forEach", "did you mean 'foreach'?"},
     {"map", "did you mean 'foreach'?"},
     {"loop",
      "write 'foreach' for the elements of a list, 'while' and 'max' "
      "to repeat"},
     {"until", "write 'while: ${...}': it goes on while that is true"},
     {"repeat", "write 'while: ${...}' and 'max: N'"},
     {"parallel", "did you mean 'concurrency'?"},
     {"depends_on", kOrder},
     {"needs", kOrder},
     {"requires", kOrder},
     {"if", "did you mean 'when'?"},
     {"condition", "did you mean 'when'?"},
     {"unless", "write 'when: ${!(...)}'"},
     {"else", kElse},
     {"otherwise", kElse},
     {"default", kElse},
     {"cases", "did you mean 'switch'?"},
     {"pick", kFirst},
     {"on", "the errors to retry are 'retry: { errors: [NAME] }'"},
     {"on_error", "did you mean 'catch'?"},
     {"rescue", "did you mean 'catch'?"},
     {"retries", "write 'retry: { attempts: 3 }'"},
     {"attempts", "write 'retry: { attempts: 3 }'"}}};
constexpr std::array<KeyHint, 3> kFailure{{{"error", "did you mean 'name'?"},
                                           {"code", "did you mean 'name'?"},
                                           {"text", "did you mean 'message'?"}}};
constexpr std::array<KeyHint, 14> kBranch{{{"case", "did you mean 'when'?"},
                                           {"if", "did you mean 'when'?"},
                                           {"else", "leave 'when' out of the last branch"},
                                           {"default", "leave 'when' out of the last branch"},
                                           {"then", "write the action itself: 'call: FUNCTION'"},
                                           {"inputs", kIn},
                                           {"with", kIn},
                                           {"retry", kOwnFlow},
                                           {"timeout", kOwnFlow},
                                           {"foreach", kOwnFlow},
                                           {"while", kOwnFlow},
                                           {"catch", kOwnFlow},
                                           {"switch", kOwnFlow},
                                           {"after", kOwnFlow}}};
constexpr std::array<KeyHint, 14> kClause{{{"on", "did you mean 'errors'?"},
                                           {"error", "did you mean 'errors'?"},
                                           {"name", "did you mean 'errors'?"},
                                           {"do", "write the action itself: 'call: FUNCTION'"},
                                           {"then", "write the action itself: 'call: FUNCTION'"},
                                           {"inputs", kIn},
                                           {"with", kIn},
                                           {"when", kOwnFlow},
                                           {"retry", kOwnFlow},
                                           {"timeout", kOwnFlow},
                                           {"foreach", kOwnFlow},
                                           {"while", kOwnFlow},
                                           {"catch", kOwnFlow},
                                           {"switch", kOwnFlow}}};
constexpr std::array<KeyHint, 4> kProduct{{{"file", "did you mean 'path'?"},
                                           {"glob", "did you mean 'path'?"},
                                           {"name", "did you mean 'path'?"},
                                           {"optional", "write 'type: optional<file>'"}}};

}  // namespace

std::span<const KeyHint> key_hints(Section section) {
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
