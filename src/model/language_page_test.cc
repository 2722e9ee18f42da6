// docs/reference/language.md is what the table of keys says, and its examples are good apps.

#include "model/language_page.h"

#include <array>
#include <fstream>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "model/draft.h"
#include "model/parse.h"

namespace sluice::model {
namespace {

constexpr std::array kSections{Section::kApp,       Section::kFunction, Section::kPort,
                               Section::kResources, Section::kRetry,    Section::kWorkers,
                               Section::kWorkflow,  Section::kStep,     Section::kFailure,
                               Section::kBranch,    Section::kClause};

std::string mistakes_of(const std::string& yaml) {
  Mistakes mistakes;
  const Limits limits;
  const auto draft = parse_app(yaml, limits, mistakes);
  if (draft != nullptr) check_app(*draft, {}, limits, mistakes);
  std::string text;
  for (const Mistake& mistake : mistakes) text += to_text(mistake) + "\n";
  return text;
}

TEST(LanguagePage, IsTheOneInTheDocumentation) {
  std::ifstream file(std::string(SLUICE_SOURCE_DIR) + "/docs/reference/language.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), language_page())
      << "write it anew: sluice schema --page > docs/reference/language.md";
}

TEST(LanguagePage, HasAnExampleOfEachKeyThatIsAGoodApp) {
  for (const Section section : kSections) {
    std::set<std::string_view> seen;
    for (const KeyExample& example : key_examples(section)) {
      const Key* key = find_key(section, example.key);
      ASSERT_NE(key, nullptr) << example.key;
      EXPECT_EQ(key->state, KeyState::kKnown) << example.key;
      EXPECT_TRUE(seen.insert(example.key).second) << example.key << " has two";
      EXPECT_NE(example.yaml.find(fmt::format("{}:", example.key)), std::string_view::npos)
          << example.key << " is not in " << example.yaml;
      EXPECT_EQ(mistakes_of(example_app(section, example)), "") << example_app(section, example);
      // What must be there is not left out, and the other way round.
      EXPECT_FALSE(key->is_required && !example.left_out.empty()) << example.key;
    }
    for (const Key& key : keys_of(section))
      EXPECT_EQ(seen.contains(key.name), key.state == KeyState::kKnown) << key.name;
  }
}

TEST(LanguagePage, SaysSoWhereAKeyIsReserved) {
  EXPECT_NE(language_page().find("- **`secrets`** – Reserved.\n"), std::string::npos);
}

}  // namespace
}  // namespace sluice::model
