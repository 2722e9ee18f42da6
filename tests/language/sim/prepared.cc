#include "prepared.h"

#include <utility>

#include "model/draft.h"
#include "model/mistake.h"
#include "model/parse.h"

namespace sluice::language {

Result<Prepared> prepare(const Case& each) {
  model::Mistakes mistakes;
  const auto draft = model::parse_app(each.app, Limits{}, mistakes);
  std::optional<model::App> app;
  if (mistakes.empty()) app = model::check_app(*draft, {}, Limits{}, mistakes);
  if (!app) {
    const std::string why = mistakes.empty() ? "no app" : model::to_text(mistakes.front());
    return fail(ErrorCode::kInvalidArgument, each.name + ": " + why);
  }
  return Prepared{&each, std::make_shared<const model::App>(std::move(*app))};
}

std::optional<std::string> lacking(const Case& each) {
  if (!each.skip.empty()) return each.skip;
  return std::nullopt;
}

std::uint64_t seed_of(const CaseRun& run, std::uint64_t seed) {
  std::uint64_t mixed = seed * 0x9e3779b97f4a7c15ULL;
  for (const char letter : run.name)
    mixed = (mixed ^ static_cast<unsigned char>(letter)) * 0x100000001b3ULL;
  return mixed;
}

}  // namespace sluice::language
