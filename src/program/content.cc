#include "program/content.h"

#include <cmath>

#include "base/json.h"
#include "base/limits.h"
#include "wire/abi.h"

namespace sluice::program {
namespace {

constexpr std::string_view kArrayMagic = "\x93NUMPY";

std::string_view wanted(Content content) {
  switch (content) {
    case Content::kInt:
      return "an integer of 64 bits";
    case Content::kFloat:
      return "a number";
    case Content::kBool:
      return "true or false";
    case Content::kBytes:
    case Content::kText:
    case Content::kJson:
    case Content::kArray:
    case Content::kFile:
      break;
  }
  return "JSON";
}

bool is_of_kind(const Json& json, Content content) {
  switch (content) {
    case Content::kInt:
      return json.as_int() != nullptr ||
             (json.as_double() != nullptr && std::trunc(*json.as_double()) == *json.as_double() &&
              std::abs(*json.as_double()) < 0x1p63);
    case Content::kFloat:
      return json.as_int() != nullptr || json.as_double() != nullptr;
    case Content::kBool:
      return json.as_bool() != nullptr;
    case Content::kBytes:
    case Content::kText:
    case Content::kJson:
    case Content::kArray:
    case Content::kFile:
      break;
  }
  return true;
}

}  // namespace

bool is_json(Content content) {
  return content == Content::kJson || content == Content::kInt || content == Content::kFloat ||
         content == Content::kBool;
}

std::uint8_t wire_kind(Content content) {
  switch (content) {
    case Content::kBytes:
      return SLUICE_KIND_BYTES;
    case Content::kText:
      return SLUICE_KIND_TEXT;
    case Content::kJson:
    case Content::kInt:
    case Content::kFloat:
    case Content::kBool:
      return SLUICE_KIND_JSON;
    case Content::kArray:
      return SLUICE_KIND_ARRAY;
    case Content::kFile:
      return SLUICE_KIND_FILE;
  }
  return SLUICE_KIND_BYTES;
}

Status ContentCheck::add_text(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    bool is_good = true;
    if (left_ > 0) {
      is_good = (byte & 0xC0) == 0x80;
      code_point_ = code_point_ << 6 | (byte & 0x3F);
      if (is_good && --left_ == 0) {
        is_good = code_point_ >= least_ && code_point_ <= 0x10FFFF &&
                  (code_point_ < 0xD800 || code_point_ > 0xDFFF);
      }
    } else if (byte >= 0x80) {
      is_good = byte >= 0xC2 && byte <= 0xF4;
      left_ = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : 1;
      least_ = left_ == 3 ? 0x10000 : left_ == 2 ? 0x800 : 0x80;
      code_point_ = byte & (0x3F >> left_);
    }
    if (!is_good) {
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("is no UTF-8 (byte {}): give it the type bytes, or convert it", size_ + i));
    }
  }
  return {};
}

Status ContentCheck::add(std::string_view bytes) {
  if (content_ == Content::kText) SLUICE_OK(add_text(bytes));
  if (content_ == Content::kArray && begin_.size() < kArrayMagic.size()) {
    begin_ += bytes.substr(0, kArrayMagic.size() - begin_.size());
    if (!kArrayMagic.starts_with(begin_)) {
      return fail(ErrorCode::kInvalidArgument, "is no array: an array is a .npy file");
    }
  }
  size_ += bytes.size();
  return {};
}

Status ContentCheck::finish() const {
  if (content_ == Content::kText && left_ > 0) {
    return fail(ErrorCode::kInvalidArgument, "is no UTF-8: it ends in the middle of a character");
  }
  if (content_ == Content::kArray && begin_.size() < kArrayMagic.size()) {
    return fail(ErrorCode::kInvalidArgument, "is no array: an array is a .npy file");
  }
  return {};
}

Result<std::string> checked_json(std::string_view text, Content content) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("is empty, and should be {}", wanted(content)));
  }
  text = text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
  const Result<Json> json = parse_json(text, {.bytes = kJsonMax, .depth = Limits{}.json_depth});
  if (!json) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("is no JSON: {}", json.error().message()));
  }
  if (!is_of_kind(*json, content)) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("is {}, and should be {}", json->type_name(), wanted(content)));
  }
  return std::string(text);
}

}  // namespace sluice::program
