#pragma once

// XXH3-128 for payloads (fast, not against malice), SHA-256 for bundles, keys and tokens.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace sluice {

Checksum checksum(std::span<const std::byte> bytes);

// A checksum of bytes that come in pieces.
class ChecksumStream {
 public:
  ChecksumStream();
  ChecksumStream(ChecksumStream&&) noexcept;
  ChecksumStream& operator=(ChecksumStream&&) noexcept;
  ~ChecksumStream();
  void update(std::span<const std::byte> bytes);
  Checksum value() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

using Sha256 = std::array<std::uint8_t, 32>;
Sha256 sha256(std::string_view bytes);
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(const Sha256Stream&) = delete;
  Sha256Stream& operator=(const Sha256Stream&) = delete;
  void update(std::string_view bytes);
  Sha256 finish();

 private:
  void* context_;  // EVP_MD_CTX; OpenSSL's headers stay in hash.cc.
};

// Lower-case hexadecimal.
std::string to_hex(std::span<const std::uint8_t> bytes);

// The idempotency token of a task (contracts: ids): first 16 bytes of SHA-256(run, path), hex.
std::string task_token(const RunId& run, std::string_view path);

}  // namespace sluice
