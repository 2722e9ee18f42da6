#pragma once

// Whether the bytes of an output are what its type says, told while they pass. Pure.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "program/description.h"

namespace sluice::program {

// JSON is looked at as a whole, up to this; everything else may be of any size.
inline constexpr std::size_t kJsonMax = 16 << 20;

bool is_json(Content content);
std::uint8_t wire_kind(Content content);

class ContentCheck {
 public:
  explicit ContentCheck(Content content) : content_(content) {}

  // The message says what is wrong, as in "… is no UTF-8 (byte 7)".
  Status add(std::string_view bytes);
  Status finish() const;

 private:
  Status add_text(std::string_view bytes);

  const Content content_;
  std::uint64_t size_ = 0;
  std::string begin_;             // kArray: the first bytes.
  std::uint32_t code_point_ = 0;  // kText: of the character that has begun.
  int left_ = 0;                  // Of its bytes.
  std::uint32_t least_ = 0;       // It must not be smaller: no overlong forms.
};

// What is sent for a JSON text: without space around it. It must be of the kind.
Result<std::string> checked_json(std::string_view text, Content content);

}  // namespace sluice::program
