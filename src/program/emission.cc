#include "program/emission.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/json.h"

namespace sluice::program {
namespace {

constexpr std::size_t kBufferSize = 256 << 10;
constexpr std::size_t kSliceSize = 4 << 20;  // Before somebody else may do something.
constexpr std::size_t kFrameBytes = 60 << 10;
constexpr std::size_t kNameMax = 255;

wire::Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace

Emission::Emission(std::uint16_t number, const Product& product, std::string path, OpenFile file,
                   std::uint64_t handle, bool uses_shared_memory)
    : number_(number),
      product_(product),
      path_(std::move(path)),
      file_(std::move(file)),
      handle_(handle),
      uses_shared_memory_(uses_shared_memory),
      check_(product.content) {
  if (product.content == Content::kFile) name_ = path_.substr(path_.rfind('/') + 1);
}

Emission::Emission(std::uint16_t number, const Product& product, std::string json,
                   std::uint64_t handle, bool uses_shared_memory)
    : number_(number),
      product_(product),
      path_("-"),
      handle_(handle),
      uses_shared_memory_(uses_shared_memory),
      check_(product.content),
      json_(std::move(json)) {}

std::unexpected<TaskFailure> Emission::wrong(const std::string& what) const {
  return std::unexpected(TaskFailure{
      "InvalidOutput", fmt::format("output '{}': '{}' {}", product_.name, path_, what)});
}

sluice_value Emission::header(std::uint64_t size) const {
  sluice_value value{};
  value.kind = wire_kind(product_.content);
  value.name_length = static_cast<std::uint16_t>(name_.size());
  value.file_mode = product_.content == Content::kFile ? file_.mode : 0;
  value.size = size;
  return value;
}

Outcome<void> Emission::read_json() {
  if (file_.state.size > kJsonMax) {
    return wrong(fmt::format("has {} bytes of JSON, more than {}", file_.state.size, kJsonMax));
  }
  std::string text(file_.state.size, '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t got =
        ::pread(file_.fd.get(), text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (got <= 0) return wrong("changed while it was read");
    done += static_cast<std::size_t>(got);
  }
  Result<std::string> checked = checked_json(text, product_.content);
  if (!checked) return wrong(checked.error().message());
  json_ = std::move(*checked);
  return {};
}

Outcome<std::string_view> Emission::read_slice(std::span<char> buffer) {
  const std::uint64_t left = size_ - done_;
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer.size()));
  if (json_) return std::string_view(*json_).substr(done_, wanted);
  const ssize_t got = ::pread(file_.fd.get(), buffer.data(), wanted, static_cast<off_t>(done_));
  if (got < 0) return wrong(fmt::format("cannot be read: {}", std::strerror(errno)));
  if (got == 0 && wanted > 0) return wrong("changed while it was read");
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
  if (const Status checked = check_.add(bytes); !checked) return wrong(checked.error().message());
  return bytes;
}

Outcome<void> Emission::check_end() const {
  if (json_) return {};
  if (const Status checked = check_.finish(); !checked) return wrong(checked.error().message());
  return {};
}

Outcome<Emission::Step> Emission::begin(Connection& connection) {
  if (name_.size() > kNameMax || (!name_.empty() && !is_utf8(name_))) {
    return wrong("has a name that is no UTF-8");
  }
  if (is_json(product_.content) && !json_) {
    if (Outcome<void> read = read_json(); !read) return std::unexpected(read.error());
  }
  size_ = json_ ? json_->size() : file_.state.size;
  if (size_ <= SLUICE_INLINE_MAX) {
    stage_ = Stage::kInline;
  } else if (uses_shared_memory_) {
    connection.send(SLUICE_FRAME_ALLOC, 0, 0, handle_, {std::as_bytes(std::span(&size_, 1))});
    stage_ = Stage::kAsked;
  } else {
    connection.send(SLUICE_FRAME_EMIT, SLUICE_PLACE_OPEN, number_, handle_,
                    {wire::encode(header(size_)), bytes_of(name_)});
    stage_ = Stage::kOpen;
  }
  return Step::kMore;
}

Outcome<Emission::Step> Emission::send_inline(Connection& connection, OutputCredit& credit) {
  if (credit.bytes < size_) return Step::kWaits;
  std::string value;
  std::array<char, SLUICE_INLINE_MAX> buffer;
  while (done_ < size_) {
    const Outcome<std::string_view> slice = read_slice(buffer);
    if (!slice) return std::unexpected(slice.error());
    value += *slice;
    done_ += slice->size();
  }
  if (Outcome<void> checked = check_end(); !checked) return std::unexpected(checked.error());
  credit.bytes -= size_;
  connection.send(SLUICE_FRAME_EMIT, SLUICE_PLACE_INLINE, number_, handle_,
                  {wire::encode(header(size_)), bytes_of(name_), bytes_of(value)});
  return Step::kDone;
}

Outcome<Emission::Step> Emission::fill(Connection& connection) {
  static thread_local std::array<char, kBufferSize> buffer;
  for (std::size_t turn = 0; turn < kSliceSize && done_ < size_;) {
    const Outcome<std::string_view> slice = read_slice(buffer);
    if (!slice) return std::unexpected(slice.error());
    for (std::string_view left = *slice; !left.empty();) {
      const ssize_t put = ::pwrite(region_->fd.get(), left.data(), left.size(),
                                   static_cast<off_t>(range_.offset + done_));
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) {
        return std::unexpected(
            TaskFailure{"Crash", fmt::format("write an output: {}", std::strerror(errno))});
      }
      left.remove_prefix(static_cast<std::size_t>(put));
      done_ += static_cast<std::uint64_t>(put);
      turn += static_cast<std::size_t>(put);
    }
  }
  if (done_ < size_) return Step::kMore;
  if (Outcome<void> checked = check_end(); !checked) return std::unexpected(checked.error());
  const sluice_range sent{
      .region = range_.region, .reserved = 0, .offset = range_.offset, .length = size_};
  connection.send(SLUICE_FRAME_EMIT, SLUICE_PLACE_RANGE, number_, handle_,
                  {wire::encode(header(size_)), bytes_of(name_), wire::encode(sent)});
  return Step::kDone;
}

Outcome<Emission::Step> Emission::grow(Connection& connection, OutputCredit& credit) {
  if (credit.bytes == 0 || connection.is_full()) return Step::kWaits;
  std::array<char, kFrameBytes> buffer;
  const Outcome<std::string_view> slice =
      read_slice(std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), credit.bytes)));
  if (!slice) return std::unexpected(slice.error());
  credit.bytes -= slice->size();
  done_ += slice->size();
  connection.send(SLUICE_FRAME_GROW, SLUICE_PLACE_INLINE, number_, handle_, {bytes_of(*slice)});
  if (done_ < size_) return Step::kMore;
  if (Outcome<void> checked = check_end(); !checked) return std::unexpected(checked.error());
  connection.send(SLUICE_FRAME_SEAL, 0, number_, handle_);
  return Step::kDone;
}

Outcome<Emission::Step> Emission::step(Connection& connection, OutputCredit& credit) {
  if (connection.is_full()) return Step::kWaits;
  switch (stage_) {
    case Stage::kBegin:
      return begin(connection);
    case Stage::kInline:
      return send_inline(connection, credit);
    case Stage::kAsked:
      if (!refusal_) return Step::kWaits;
      return std::unexpected(TaskFailure{"TooLarge", *refusal_});
    case Stage::kGranted:
      return fill(connection);
    case Stage::kOpen:
      return grow(connection, credit);
  }
  return Step::kWaits;
}

void Emission::on_grant(const sluice_range& range, std::shared_ptr<const Region> region) {
  if (stage_ != Stage::kAsked || range.length < size_) return;
  range_ = range;
  region_ = std::move(region);
  stage_ = Stage::kGranted;
}

void Emission::on_refused(std::string message) { refusal_ = std::move(message); }

}  // namespace sluice::program
