#include "model/expr/pattern.h"

#include <re2/re2.h>

namespace sluice::expr {

Result<Pattern> Pattern::compile(std::string_view text) {
  if (text.size() > kLengthMax) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("the pattern is longer than {} KiB", kLengthMax >> 10));
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMemoryMax);
  auto compiled = std::make_unique<re2::RE2>(re2::StringPiece(text.data(), text.size()), options);
  if (!compiled->ok())
    return fail(ErrorCode::kInvalidArgument, "invalid pattern: " + compiled->error());
  return Pattern(std::move(compiled));
}

Pattern::Pattern(std::unique_ptr<re2::RE2> compiled) : compiled_(std::move(compiled)) {}
Pattern::Pattern(Pattern&& other) noexcept = default;
Pattern& Pattern::operator=(Pattern&& other) noexcept = default;
Pattern::~Pattern() = default;

bool Pattern::is_found_in(std::string_view text) const {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *compiled_);
}

const std::string& Pattern::text() const { return compiled_->pattern(); }

std::uint32_t Pattern::size() const { return static_cast<std::uint32_t>(compiled_->ProgramSize()); }

}  // namespace sluice::expr
