#include "script.h"

#include <utility>

namespace sluice::language {
namespace {

class Playback final : public Script {
 public:
  explicit Playback(std::vector<Step> steps) : steps_(std::move(steps)) {}
  Step next(const std::optional<Json>&) override {
    return at_ < steps_.size() ? std::move(steps_[at_++]) : Step{};
  }

 private:
  std::vector<Step> steps_;
  std::size_t at_ = 0;
};

}  // namespace

std::unique_ptr<Script> playback(std::vector<Step> steps) {
  return std::make_unique<Playback>(std::move(steps));
}

Step StreamScript::next(const std::optional<Json>& read) {
  if (std::exchange(reading_, false)) {
    if (read.has_value()) {
      on_element(*read);
    } else {
      ended_ = true;
      on_end();
    }
  }
  if (at_ < steps_.size()) return std::move(steps_[at_++]);
  steps_.clear();
  at_ = 0;
  if (ended_) return {};
  reading_ = true;
  return {.kind = Step::Kind::kRead, .port = port_};
}

void StreamScript::emit(std::string_view port, Json value) {
  steps_.push_back(
      {.kind = Step::Kind::kEmit, .port = std::string(port), .value = std::move(value)});
}

}  // namespace sluice::language
