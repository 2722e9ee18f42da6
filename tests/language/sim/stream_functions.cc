#include <algorithm>
#include <array>
#include <cstdint>

#include "functions.h"

namespace sluice::language {
namespace {

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }));
}

class Running final : public StreamScript {
 public:
  Running() : StreamScript("xs") {}

 private:
  void on_element(const Json& element) override {
    sum_ += *element.as_int();
    ++seen_;
  }
  void on_end() override {
    emit("sum", Json(sum_));
    emit("seen", Json(seen_));
  }
  std::int64_t sum_ = 0;
  std::int64_t seen_ = 0;
};

class Relay final : public StreamScript {
 public:
  Relay() : StreamScript("xs") {}

 private:
  void on_element(const Json& element) override { emit("xs", Json(*element.as_int() + 1)); }
  void on_end() override {}
};

class Windows final : public StreamScript {
 public:
  explicit Windows(std::int64_t size) : StreamScript("xs"), size_(static_cast<std::size_t>(size)) {}

 private:
  void on_element(const Json& element) override {
    window_.push_back(element);
    if (window_.size() == size_) emit("windows", std::exchange(window_, {}));
  }
  void on_end() override {
    if (!window_.empty()) emit("windows", std::move(window_));
  }
  std::size_t size_;
  Json::List window_;
};

class Merge final : public StreamScript {
 public:
  Merge() : StreamScript("counts") {}

 private:
  void on_element(const Json& element) override {
    for (const auto& [key, count] : *element.as_map()) {
      const Json* before = total_.find(key);
      total_.set(key, Json((before != nullptr ? *before->as_int() : 0) + *count.as_int()));
    }
  }
  void on_end() override { emit("total", std::move(total_)); }
  Json total_ = Json::map();
};

class Letters final : public StreamScript {
 public:
  Letters() : StreamScript("data") {}

 private:
  void on_element(const Json& element) override { count_ += characters(*element.as_string()); }
  void on_end() override { emit("count", Json(static_cast<std::int64_t>(count_))); }
  std::size_t count_ = 0;
};

// One of each stream in turn; the rest of the longer one at the end.
class Interleave final : public Script {
 public:
  Step next(const std::optional<Json>& read) override {
    if (std::exchange(reading_, false)) {
      const std::size_t from = turn_;
      if (!read.has_value()) is_over_[from] = true;
      if (!is_over_[1 - from]) turn_ = 1 - from;
      if (read.has_value()) return emit("xs", *read);
    }
    if (is_over_[0] && is_over_[1]) return {};
    reading_ = true;
    return {.kind = Step::Kind::kRead, .port = turn_ == 0 ? "a" : "b"};
  }

 private:
  std::array<bool, 2> is_over_{};
  std::size_t turn_ = 0;
  bool reading_ = false;
};

// Opens a gate, and reads `y` only then.
class OpenThenRead final : public Script {
 public:
  explicit OpenThenRead(const Arguments& in) : x_(in.integer("x")), name_(in.text("name")) {}
  Step next(const std::optional<Json>& read) override {
    switch (at_++) {
      case 0:
        return {.kind = Step::Kind::kOpen, .text = name_};
      case 1:
        return {.kind = Step::Kind::kRead, .port = "y"};
      case 2:
        return emit("sum", Json(x_ + *read->as_int()));
      default:
        return {};
    }
  }

 private:
  std::int64_t x_;
  std::string name_;
  int at_ = 0;
};

}  // namespace

std::unique_ptr<Script> start_stream_script(std::string_view name, const Arguments& in) {
  if (name == "running") return std::make_unique<Running>();
  if (name == "relay") return std::make_unique<Relay>();
  if (name == "windows") return std::make_unique<Windows>(in.integer("size"));
  if (name == "merge") return std::make_unique<Merge>();
  if (name == "letters") return std::make_unique<Letters>();
  if (name == "interleave") return std::make_unique<Interleave>();
  if (name == "open_then_read") return std::make_unique<OpenThenRead>(in);
  return nullptr;
}

}  // namespace sluice::language
