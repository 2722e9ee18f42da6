#pragma once

// One file on its way to the node: opened, checked while it is read, and sent in slices – into
// memory that the node grants, or in frames where the worker uses none. Its owner calls step()
// until it is over.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "program/connection.h"
#include "program/content.h"
#include "program/folder.h"
#include "program/inputs.h"

namespace sluice::program {

// What a task may still send before credit comes back.
struct OutputCredit {
  std::uint64_t bytes = SLUICE_CREDIT_BYTES;
};

class Emission {
 public:
  // Of output `number`, which `product` describes.
  Emission(std::uint16_t number, const Product& product, std::string path, OpenFile file,
           std::uint64_t handle, bool uses_shared_memory);

  // Of what the program printed, which is JSON and checked.
  Emission(std::uint16_t number, const Product& product, std::string json, std::uint64_t handle,
           bool uses_shared_memory);

  // Does a slice of the work. kMore: at once again. kWaits: for credit, a grant or the socket.
  enum class Step : std::uint8_t { kMore, kWaits, kDone };
  Outcome<Step> step(Connection& connection, OutputCredit& credit);
  void on_grant(const sluice_range& range, std::shared_ptr<const Region> region);
  void on_refused(std::string message);

  const std::string& path() const { return path_; }
  const FileState& state() const { return file_.state; }

 private:
  enum class Stage : std::uint8_t { kBegin, kInline, kAsked, kGranted, kOpen };
  Outcome<void> read_json();
  // Into `buffer`; the next bytes of the value.
  Outcome<std::string_view> read_slice(std::span<char> buffer);
  Outcome<Step> begin(Connection& connection);
  Outcome<Step> send_inline(Connection& connection, OutputCredit& credit);
  Outcome<Step> fill(Connection& connection);
  Outcome<Step> grow(Connection& connection, OutputCredit& credit);
  Outcome<void> check_end() const;
  std::unexpected<TaskFailure> wrong(const std::string& what) const;
  sluice_value header(std::uint64_t size) const;

  const std::uint16_t number_;
  const Product& product_;
  const std::string path_;
  std::string name_;  // Of a file; other values have none.
  OpenFile file_;
  const std::uint64_t handle_;
  const bool uses_shared_memory_;
  Stage stage_ = Stage::kBegin;
  ContentCheck check_;
  std::optional<std::string> json_;  // All of it, where it is JSON.
  std::uint64_t size_ = 0;
  std::uint64_t done_ = 0;
  sluice_range range_{};
  std::shared_ptr<const Region> region_;
  std::optional<std::string> refusal_;
};

}  // namespace sluice::program
