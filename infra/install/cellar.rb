# Template of a Homebrew formula: the release workflow fills in what stands between @s, and adds the file to the release.
class Cellar < Formula
  desc "Exact nearby search on a DynamoDB table keyed by cell, or on its own engine"
  homepage "https://github.com/@REPOSITORY@"
  version "@VERSION@"
  license any_of: ["MIT", "Apache-2.0"]

  on_macos do
    on_arm do
      url "https://github.com/@REPOSITORY@/releases/download/v@VERSION@/cellar-@VERSION@-aarch64-apple-darwin.tar.gz"
      sha256 "@SHA256_aarch64-apple-darwin@"
    end
    on_intel do
      url "https://github.com/@REPOSITORY@/releases/download/v@VERSION@/cellar-@VERSION@-x86_64-apple-darwin.tar.gz"
      sha256 "@SHA256_x86_64-apple-darwin@"
    end
  end

  on_linux do
    on_arm do
      url "https://github.com/@REPOSITORY@/releases/download/v@VERSION@/cellar-@VERSION@-aarch64-unknown-linux-gnu.tar.gz"
      sha256 "@SHA256_aarch64-unknown-linux-gnu@"
    end
    on_intel do
      url "https://github.com/@REPOSITORY@/releases/download/v@VERSION@/cellar-@VERSION@-x86_64-unknown-linux-gnu.tar.gz"
      sha256 "@SHA256_x86_64-unknown-linux-gnu@"
    end
  end

  def install
    bin.install "cellar", "loadtest"
    generate_completions_from_executable(bin/"cellar", "completions")
    generate_completions_from_executable(bin/"loadtest", "completions")
    system bin/"cellar", "man", "--directory", man1
    system bin/"loadtest", "man", "--directory", man1
  end

  service do
    run [opt_bin/"cellar", "serve", "--data", var/"lib/cellar"]
    keep_alive true
    log_path var/"log/cellar.log"
    error_log_path var/"log/cellar.log"
  end

  test do
    (testpath/"a.csv").write "id,lat,lon\na,1,2\n"
    system bin/"cellar", "import", "a.csv", "--collection", "places"
    assert_match "\"a\"", shell_output("#{bin}/cellar get a --collection places")
  end
end
