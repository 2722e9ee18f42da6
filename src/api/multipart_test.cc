#include "api/multipart.h"

#include <gtest/gtest.h>

#include "api/header_value.h"

namespace sluice::api {
namespace {

struct Part {
  std::string name;
  std::string file_name;
  std::string content;
  friend bool operator==(const Part&, const Part&) = default;
};

// The parts of a body that comes in pieces of `step` bytes; events must be well formed.
OrProblem<std::vector<Part>> parse(const std::string& body, std::size_t step,
                                   const std::string& boundary = "b", MultipartLimits limits = {}) {
  MultipartParser parser(boundary, limits);
  std::vector<Part> parts;
  bool is_open = false;
  for (std::size_t at = 0; at < body.size(); at += step) {
    std::vector<PartEvent> events;
    const auto fed = parser.feed(std::string_view(body).substr(at, step), events);
    for (const PartEvent& event : events) {
      if (const auto* begin = std::get_if<PartBegin>(&event)) {
        EXPECT_FALSE(is_open);
        is_open = true;
        parts.push_back({begin->name, begin->file_name, ""});
      } else if (const auto* bytes = std::get_if<PartBytes>(&event)) {
        EXPECT_TRUE(is_open);
        EXPECT_FALSE(bytes->bytes.empty());
        parts.back().content += bytes->bytes;
      } else {
        EXPECT_TRUE(is_open);
        is_open = false;
      }
    }
    if (!fed) return std::unexpected(fed.error());
  }
  const auto finished = parser.finish();
  if (!finished) return std::unexpected(finished.error());
  EXPECT_FALSE(is_open);
  return parts;
}

std::string part(const std::string& disposition, const std::string& content) {
  return "--b\r\nContent-Disposition: " + disposition + "\r\n\r\n" + content + "\r\n";
}

TEST(Multipart, GivesTheSamePartsHoweverTheBytesCome) {
  // Content that looks like the delimiter until its last byte.
  const std::string tricky = "\r\n--a\r\n-\r\r\n--\r\n\r";
  const std::string body = "preamble\r\n--bogus\r\n" + part("form-data; name=\"x\"", tricky) +
                           part("form-data; name=y; filename=\"f.txt\"", "") +
                           part("form-data; name=\"x\"", "\r\n") + "--b--\r\nepilogue\r\n--b\r\n";
  // `--bogus` is not the boundary followed by other bytes: it does not begin a line of `--b`…
  const std::string clean = body.substr(body.find("--b\r\n"));
  const std::vector<Part> expected = {{"x", "", tricky}, {"y", "f.txt", ""}, {"x", "", "\r\n"}};
  for (std::size_t step = 1; step <= clean.size(); ++step) {
    const auto parts = parse(clean, step);
    ASSERT_TRUE(parts) << parts.error().detail << " at " << step;
    EXPECT_EQ(*parts, expected) << step;
  }
  // … but a line that does is refused, because readers disagree about it.
  EXPECT_FALSE(parse(body, 7));
}

TEST(Multipart, HoldsBackOnlyWhatMayBecomeABoundary) {
  MultipartParser parser("b");
  std::vector<PartEvent> events;
  const std::string whole = part("form-data; name=\"x\"", "a live line\n");
  ASSERT_TRUE(parser.feed(std::string_view(whole).substr(0, whole.size() - 2), events));
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(std::get<PartBytes>(events[1]).bytes, "a live line\n");
}

TEST(Multipart, RefusesWhatIsNotWholeOrNotAForm) {
  const std::string good = part("form-data; name=\"x\"", "1") + "--b--";
  ASSERT_TRUE(parse(good, 3));
  for (const std::string& bad :
       {std::string(), std::string("--b"), part("form-data; name=\"x\"", "1"),
        std::string("--b--").substr(0, 4), part("form-data", "1") + "--b--",
        part("form-data; name=\"\"", "1") + "--b--", part("attachment; name=\"x\"", "1") + "--b--",
        part("form-data; name=\"x\"; name=\"y\"", "1") + "--b--",
        part("form-data; name=\"x", "1") + "--b--", std::string("--b\r\n\r\n1\r\n--b--"),
        part("form-data; name=x\r\nContent-Disposition: form-data; name=y", "1") + "--b--",
        part("form-data; name=x\r\nContent-Transfer-Encoding: base64", "1") + "--b--",
        part("form-data; name=x\r\nbad line", "1") + "--b--",
        part("form-data; name=x\r\nA : b", "1") + "--b--",
        part("form-data; name=x; filename=\"..\"", "1") + "--b--",
        part("form-data; name=x; filename=\"a/..\"", "1") + "--b--",
        part("form-data; name=x; filename=\"\xff\"", "1") + "--b--", "--b \r\n" + good.substr(5),
        good.substr(0, good.size() - 2) + "x-"}) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{1000}}) {
      const auto parts = parse(bad, step);
      ASSERT_FALSE(parts) << bad;
      EXPECT_EQ(parts.error().status, 400U);
    }
  }
}

TEST(Multipart, HasLimits) {
  EXPECT_FALSE(parse(std::string(100'000, 'x'), 1000));
  EXPECT_FALSE(parse(part("form-data; name=x", "1") + "--b--" + std::string(100'000, 'x'), 1000));
  EXPECT_FALSE(parse("--b\r\nA: " + std::string(10'000, 'x'), 100));
  std::string headers = "form-data; name=x";
  for (int i = 0; i < 20; ++i) headers += "\r\nA: b";
  EXPECT_FALSE(parse(part(headers, "1") + "--b--", 1000));
  const std::string two = part("form-data; name=x", "1") + part("form-data; name=x", "2") + "--b--";
  EXPECT_EQ(parse(two, 9, "b", {.parts = 1}).error().status, 413U);
  EXPECT_TRUE(parse(two, 9, "b", {.parts = 2}));
}

TEST(FileNames, AreLastPathComponentsInUtf8) {
  const auto name_of = [](const std::string& parameters) -> std::string {
    const auto value = parse_header_value("form-data; name=x; " + parameters);
    if (!value) return "malformed";
    const auto name = file_name_of(*value);
    return name ? *name : "refused";
  };
  EXPECT_EQ(name_of("filename=plain.txt"), "plain.txt");
  EXPECT_EQ(name_of("filename=\"a b.txt\""), "a b.txt");
  EXPECT_EQ(name_of("filename=\"/etc/passwd\""), "passwd");
  EXPECT_EQ(name_of("filename=\"..\\\\..\\\\x\""), "x");
  EXPECT_EQ(name_of("filename=\"C:\\dir\\file.txt\""), "file.txt");
  EXPECT_EQ(name_of("filename=\"a\\\"b\""), "a\"b");
  EXPECT_EQ(name_of("filename=\"a%22b\""), "a\"b");
  EXPECT_EQ(name_of("filename=\"\xc3\xa9\""), "\xc3\xa9");
  EXPECT_EQ(name_of("filename=x; filename*=UTF-8''%c3%a9%20b"), "\xc3\xa9 b");
  EXPECT_EQ(name_of("filename=\"\""), "");
  EXPECT_EQ(name_of("filename=\"dir/\""), "");
  for (const auto* bad : {"filename=.", "filename=\"..\"", "filename=\"a\x01\"",
                          "filename*=latin1''x", "filename*=UTF-8''%00", "filename*=x"}) {
    EXPECT_EQ(name_of(bad), "refused") << bad;
  }
  EXPECT_EQ(name_of("filename=\"" + std::string(256, 'x') + "\""), "refused");
}

TEST(FileNames, AreWrittenSoThatNoReaderIsFooled) {
  EXPECT_EQ(attachment_of("a.txt"), "attachment; filename=\"a.txt\"");
  EXPECT_EQ(attachment_of("r\xc3\xa9 \"1\".txt"),
            "attachment; filename=\"r__ _1_.txt\"; filename*=UTF-8''r%C3%A9%20%221%22.txt");
  EXPECT_EQ(attachment_of("a\r\nX: y"),
            "attachment; filename=\"a__X: y\"; filename*=UTF-8''a%0D%0AX%3A%20y");
}

TEST(Boundaries, AreOneToSeventyOfTheAllowedCharacters) {
  EXPECT_EQ(boundary_of("multipart/form-data; boundary=----x").value(), "----x");
  EXPECT_EQ(boundary_of("multipart/form-data; charset=utf-8; Boundary=\"a b:c\"").value(), "a b:c");
  for (const std::string& bad :
       {std::string("multipart/form-data"), std::string("multipart/form-data; boundary="),
        std::string("multipart/form-data; boundary=\"\""),
        std::string("multipart/form-data; boundary=\"a \""),
        std::string("multipart/form-data; boundary=\"a\\\"\""),
        "multipart/form-data; boundary=" + std::string(71, 'x')}) {
    EXPECT_FALSE(boundary_of(bad)) << bad;
  }
}

}  // namespace
}  // namespace sluice::api
