// Any bytes as a sluice.yaml: an app or mistakes, never both and never neither; and what is
// accepted keeps the promises of plan.h, which core, node and api rely on without looking.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "model/describe.h"
#include "model/draft.h"
#include "model/parse.h"
#include "model/plan_promises.h"

using namespace sluice;
using namespace sluice::model;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Limits limits;
  Mistakes mistakes;
  const auto draft = parse_app({reinterpret_cast<const char*>(data), size}, limits, mistakes);
  if (draft == nullptr) {
    SLUICE_ASSERT(!mistakes.empty());
    return 0;
  }
  static_cast<void>(code_wanted(*draft));
  const std::optional<App> app = check_app(*draft, {}, limits, mistakes);
  SLUICE_ASSERT(app.has_value() == mistakes.empty());
  for (const Mistake& mistake : mistakes) {
    SLUICE_ASSERT(mistake.line > 0 && mistake.column > 0 && !mistake.message.empty());
    SLUICE_ASSERT(is_utf8(to_text(mistake)));
  }
  if (app) {
    check_promises(*app);
    SLUICE_ASSERT(!describe(*app).empty());
  }
  return 0;
}
