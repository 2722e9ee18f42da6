// What Python's side of the corpus is compared with:
//   language-corpus cases FOLDER        all cases of FOLDER/cases as JSON, one a line
//   language-corpus functions FOLDER    calls as JSON on stdin, one a line; the steps of each on
//   stdout
// FOLDER is tests/language.

#include <cstdio>
#include <deque>
#include <iostream>
#include <map>
#include <string>

#include "case_file.h"
#include "library.h"

namespace sluice::language {
namespace {

int complain(const std::string& what) {
  std::fprintf(stderr, "language-corpus: %s\n", what.c_str());
  return 1;
}

Json to_json(const Step& step) {
  using enum Step::Kind;
  Json result = Json::map();
  switch (step.kind) {
    case kEmit:
      return result.set("emit", step.port).set("value", step.value);
    case kRead:
      return result.set("read", step.port);
    case kAct:
      return result.set("act", step.text);
    case kAwait:
      return result.set("await", step.text);
    case kOpen:
      return result.set("open", step.text);
    case kDone:
      return result.set("done", true);
    case kFail: {
      Json bases = Json::list();
      for (const std::string& base : step.bases) bases.push(Json(base));
      return result.set("fail", step.text).set("message", step.message).set("bases", bases);
    }
  }
  return result;
}

// Runs one attempt to its end; `streams` has what can be read.
Json steps_of(const Library& library, const Json& request) {
  std::map<std::string, std::deque<Json>> streams;
  for (const auto& [port, elements] : *request.find("streams")->as_map())
    streams[port].assign(elements.as_list()->begin(), elements.as_list()->end());
  const Call call{.attempt = static_cast<std::uint32_t>(*request.find("attempt")->as_int()),
                  .failures = static_cast<std::uint32_t>(*request.find("failures")->as_int())};
  const auto script =
      start(library.at(*request.find("function")->as_string()), *request.find("inputs"), call);
  Json steps = Json::list();
  std::optional<Json> read;
  while (true) {
    const Step step = script->next(read);
    steps.push(to_json(step));
    if (step.kind == Step::Kind::kDone || step.kind == Step::Kind::kFail) return steps;
    if (step.kind != Step::Kind::kRead) continue;
    std::deque<Json>& stream = streams[step.port];
    read.reset();
    if (stream.empty()) continue;
    read = std::move(stream.front());
    stream.pop_front();
  }
}

int main(const std::string& what, const std::string& folder) {
  const auto library = load_library(folder + "/functions.yaml");
  if (!library) return complain(library.error().message());
  if (what == "functions") {
    for (std::string line; std::getline(std::cin, line);) {
      const auto request = parse_json(line);
      if (!request) return complain(request.error().message());
      if (!library->contains(*request->find("function")->as_string()))
        return complain("no function in " + line);
      std::cout << to_text(steps_of(*library, *request)) << "\n";
    }
    return 0;
  }
  if (what != "cases") return complain("cases or functions, not " + what);
  const auto cases = load_cases(folder + "/cases", *library);
  if (!cases) return complain(cases.error().message());
  for (const Case& each : *cases) std::cout << to_text(to_json(each)) << "\n";
  return 0;
}

}  // namespace
}  // namespace sluice::language

int main(int argc, char** argv) {
  if (argc != 3) return sluice::language::complain("usage: language-corpus cases|functions FOLDER");
  return sluice::language::main(argv[1], argv[2]);
}
